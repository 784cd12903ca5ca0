// @anthropic-ai/sdk.
import Anthropic from "@anthropic-ai/sdk";
import { schema, show, want, writeFile } from "./common.mjs";

const client = new Anthropic({ baseURL: want.url, apiKey: want.key });
const tools = [{ name: "write_file", input_schema: schema }];
const messages = [{ role: "user", content: want.prompt }];
const options = { model: want.model, max_tokens: 4096, messages, tools };
if (want.streams) {
  await client.messages.stream(options).on("text", show).finalMessage();
} else {
  for (;;) {
    const { content } = await client.messages.create(options);
    const calls = content.filter((block) => block.type === "tool_use");
    if (!calls.length) {
      for (const block of content) show(block.text);
      break;
    }
    messages.push({ role: "assistant", content });
    const results = calls.map(({ id, input }) => ({
      type: "tool_result",
      tool_use_id: id,
      content: writeFile(input),
    }));
    messages.push({ role: "user", content: results });
  }
}
