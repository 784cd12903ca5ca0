// @google/genai.
import { GoogleGenAI } from "@google/genai";
import { schema, show, want, writeFile } from "./common.mjs";

const client = new GoogleGenAI({ apiKey: want.key, httpOptions: { baseUrl: want.url } });
const functionDeclarations = [{ name: "write_file", parametersJsonSchema: schema }];
const contents = [{ role: "user", parts: [{ text: want.prompt }] }];
const options = { model: want.model, contents, config: { tools: [{ functionDeclarations }] } };
if (want.streams) {
  for await (const chunk of await client.models.generateContentStream(options)) show(chunk.text);
} else {
  for (;;) {
    const answer = await client.models.generateContent(options);
    const calls = answer.functionCalls ?? [];
    if (!calls.length) {
      show(answer.text);
      break;
    }
    contents.push(answer.candidates[0].content);
    const parts = calls.map(({ id, name, args }) => ({
      functionResponse: { id, name, response: { result: writeFile(args) } },
    }));
    contents.push({ role: "user", parts });
  }
}
