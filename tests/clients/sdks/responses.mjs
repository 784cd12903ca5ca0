// openai-node, Responses.
import OpenAI from "openai";
import { schema, show, want, writeFile } from "./common.mjs";

const client = new OpenAI({ baseURL: `${want.url}/v1`, apiKey: want.key });
const tools = [{ type: "function", name: "write_file", parameters: schema, strict: false }];
const input = [{ role: "user", content: want.prompt }];
const options = { model: want.model, input, tools };
if (want.streams) {
  for await (const event of await client.responses.create({ ...options, stream: true })) {
    if (event.type === "response.output_text.delta") show(event.delta);
  }
} else {
  for (;;) {
    const answer = await client.responses.create(options);
    const calls = answer.output.filter((item) => item.type === "function_call");
    if (!calls.length) {
      show(answer.output_text);
      break;
    }
    input.push(...answer.output);
    for (const call of calls) {
      const output = writeFile(JSON.parse(call.arguments));
      input.push({ type: "function_call_output", call_id: call.call_id, output });
    }
  }
}
