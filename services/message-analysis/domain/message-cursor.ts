/** A position in a session's messages, which are ordered by time, then by number. */
export interface MessageCursor {
  /** Epoch milliseconds. */
  readonly orderAt: number;
  readonly seq: number;
}

const TOKEN = /^(\d{1,15})\.(\d{1,10})$/;

/** The token of the page before the position. */
export function encodeMessageCursor({ orderAt, seq }: MessageCursor): string {
  return Buffer.from(`${orderAt}.${seq}`).toString('base64url');
}

/** The position that a token stands for; undefined when the token is invalid. */
export function decodeMessageCursor(token: string): MessageCursor | undefined {
  const match = TOKEN.exec(Buffer.from(token, 'base64url').toString('latin1'));
  if (!match) return undefined;
  const cursor = { orderAt: Number(match[1]), seq: Number(match[2]) };
  return encodeMessageCursor(cursor) === token && cursor.orderAt <= MAX_TIME_MS ? cursor : undefined;
}

/** The end of the year 9999: the latest time that the databases can store. */
const MAX_TIME_MS = Date.UTC(10_000, 0, 1) - 1;
