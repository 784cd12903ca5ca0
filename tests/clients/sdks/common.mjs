// What the programs for Node.js share; see __init__.py.
import { writeFileSync } from "node:fs";

const [url, key, model, prompt] = process.argv.slice(2);
export const want = { url, key, model, prompt, streams: prompt.includes("delay") };

export const schema = {
  type: "object",
  properties: { path: { type: "string" }, content: { type: "string" } },
  required: ["path", "content"],
};

export function writeFile({ path, content }) {
  writeFileSync(path, content);
  return "done";
}

export const show = (text) => process.stdout.write(text ?? "");
