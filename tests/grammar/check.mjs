// Reads [{grammar: "hive" | "trino", sql}, ...] from standard input and writes, for each, the list
// of what its grammar objects to: `line:column: message`; an empty list when the SQL is good.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';

register('./resolve.mjs', import.meta.url);
const hive = await import('./node_modules/dt-sql-parser/dist/parser/hive/index.js');
const trino = await import('./node_modules/dt-sql-parser/dist/parser/trino/index.js');
const parsers = { hive: new hive.HiveSQL(), trino: new trino.TrinoSQL() };

const asked = JSON.parse(readFileSync(0, 'utf8'));
const found = asked.map(({ grammar, sql }) =>
  parsers[grammar]
    .validate(sql)
    .map(({ startLine, startColumn, message }) => `${startLine}:${startColumn}: ${message}`),
);
process.stdout.write(JSON.stringify(found));
