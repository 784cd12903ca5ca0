// openai-node, chat completions.
import OpenAI from "openai";
import { schema, show, want, writeFile } from "./common.mjs";

const client = new OpenAI({ baseURL: `${want.url}/v1`, apiKey: want.key });
const tools = [{ type: "function", function: { name: "write_file", parameters: schema } }];
const messages = [{ role: "user", content: want.prompt }];
const options = { model: want.model, messages, tools };
if (want.streams) {
  for await (const chunk of await client.chat.completions.create({ ...options, stream: true })) {
    for (const choice of chunk.choices) show(choice.delta.content);
  }
} else {
  for (;;) {
    const { message } = (await client.chat.completions.create(options)).choices[0];
    if (!message.tool_calls?.length) {
      show(message.content);
      break;
    }
    messages.push(message);
    for (const call of message.tool_calls) {
      const content = writeFile(JSON.parse(call.function.arguments));
      messages.push({ role: "tool", tool_call_id: call.id, content });
    }
  }
}
