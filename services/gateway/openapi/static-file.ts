import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

const gzipped = promisify(gzip);

/** Nothing from another host, nothing inline, no frame around it. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** How long a browser may use a file without asking: never, or for ever because its URL changes with its content. */
export type Caching = 'no-cache' | 'public, max-age=31536000, immutable';

/** A file that is served as it is. It is compressed once, on a thread of the pool, at the first request that accepts it. */
export class StaticFile {
  readonly #type: string;
  readonly #content: Buffer;
  readonly #etag: string;
  readonly #caching: Caching;
  #compressed: Promise<Buffer> | undefined;

  constructor(type: string, content: string | Buffer, caching: Caching = 'no-cache') {
    this.#type = `${type}; charset=utf-8`;
    this.#content = Buffer.from(content);
    this.#etag = `"${createHash('sha256').update(this.#content).digest('base64url').slice(0, 22)}"`;
    this.#caching = caching;
  }

  /** Answers a request with the file, or with 304 when the browser has it. */
  async send(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    reply.headers({
      // Weak: the compressed and the plain form share it.
      etag: `W/${this.#etag}`,
      vary: 'accept-encoding',
      'cache-control': this.#caching,
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    if (listOf(request.headers['if-none-match']).some((each) => each.replace(/^W\//, '') === this.#etag))
      return reply.code(304).send();
    reply.type(this.#type);
    if (!listOf(request.headers['accept-encoding']).includes('gzip')) return reply.send(this.#content);
    this.#compressed ??= gzipped(this.#content, { level: 9 });
    return reply.header('content-encoding', 'gzip').send(await this.#compressed);
  }
}

function listOf(header = ''): string[] {
  return header.split(',').map((each) => each.trim());
}
