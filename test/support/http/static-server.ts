import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** Serves the files of a folder on a port; `await using` stops it. */
export async function serveFolder(folder: string, port: number): Promise<AsyncDisposable> {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const file = path === '/' ? 'index.html' : path.slice(1);
    const content = await readFile(join(folder, file)).catch(() => undefined);
    if (!content) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': `${TYPES[extname(file)]}; charset=utf-8` }).end(content);
  });
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
