// An order system that returns the page of an order's chat: GET /orders/{order}/page. It knows every order that begins with
// "order-". After PUT /down it answers 503, until PUT /up.
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { port: { type: 'string', default: '9100' } } });
const KEY = 'Bearer example-key';
let down = false;

const server = createServer((request, response) => {
  const answer = (status: number, body: object = {}) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  if (request.method === 'PUT') {
    down = request.url === '/down';
    return answer(200, { down });
  }
  if (down) return answer(503);
  if (request.headers.authorization !== KEY) return answer(401);
  const order = decodeURIComponent(/^\/orders\/([^/?]+)\/page$/.exec(request.url ?? '')?.[1] ?? '');
  if (!order.startsWith('order-')) return answer(404);
  return answer(200, { page: { url: `https://shop.example/chat?order=${encodeURIComponent(order)}` } });
});

server.listen(Number(values.port), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') process.stdout.write(`orders at http://127.0.0.1:${address?.port}\n`);
});
