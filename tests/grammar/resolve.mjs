// dt-sql-parser is built for bundlers: its imports leave out `/index.js` and `.js`, and its package
// doesn't say that its files are modules. Node is told here, so that no bundler is needed.
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export async function resolve(specifier, context, next) {
  if (!specifier.startsWith('.') || !context.parentURL?.includes('/node_modules/')) {
    return next(specifier, context);
  }
  const url = new URL(specifier, context.parentURL);
  const path = fileURLToPath(url);
  if (existsSync(path) && statSync(path).isDirectory()) {
    return next(`${specifier.replace(/\/$/, '')}/index.js`, context);
  }
  return next(existsSync(path) ? specifier : `${specifier}.js`, context);
}

export async function load(url, context, next) {
  const ours = url.includes('/node_modules/') && url.endsWith('.js');
  return next(url, ours ? { ...context, format: 'module' } : context);
}
