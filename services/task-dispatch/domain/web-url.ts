/** The same as the rule `send_url.http` of the protos: a host, no user or password, no spaces. */
const WEB_URL =
  /^[hH][tT][tT][pP][sS]?:\/\/(?:[^\s\p{Cc}/?#@\\:[\]]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?(?:[/?#][^\s\p{Cc}]*)?$/u;

/** Whether a sender may open this in a browser: no script, file or data URL, and no URL with a password. */
export function isWebUrl(text: string): boolean {
  return WEB_URL.test(text);
}
