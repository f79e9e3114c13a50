/** As the rule `send_url.http` of the protos says it: a host, no user or password, no blanks. */
const WEB_URL =
  /^[hH][tT][tT][pP][sS]?:\/\/(?:[^\s\p{Cc}/?#@\\:[\]]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?(?:[/?#][^\s\p{Cc}]*)?$/u;

/** Whether a sender may open this in a browser: no script, no file, no data, and nobody's password. */
export function isWebUrl(text: string): boolean {
  return WEB_URL.test(text);
}
