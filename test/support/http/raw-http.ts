import { connect } from 'node:net';

/** An answer on its own connection. */
export interface RawHttpResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed if it is a JSON object, else the text. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** Sends exactly these bytes and reads until the server closes the connection. `HOST` is replaced by the server's address. */
export async function sendRawHttp(baseUrl: string, text: string): Promise<RawHttpResponse> {
  const { port, hostname, host } = new URL(baseUrl);
  const socket = connect(Number(port), hostname);
  socket.write(Buffer.from(text.replaceAll('HOST', host), 'latin1'));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  const answer = Buffer.concat(chunks).toString();
  const [head = '', body = ''] = answer.split(/\r\n\r\n(.*)/s);
  const [line = '', ...fields] = head.split('\r\n');
  const pairs = fields.map((field): [string, string] => [field.split(':', 1)[0] ?? '', field.replace(/^[^:]*: ?/, '')]);
  return {
    status: Number(line.split(' ')[1]),
    headers: new Headers(pairs),
    body: body.startsWith('{') ? JSON.parse(body) : body,
  };
}
