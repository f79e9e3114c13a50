/** A server's URL, or several behind commas, as it may be shown: without passwords, tokens and parameters. */
export function shownUrl(urls: string): string {
  return urls.split(',').map(shown).join(',');
}

function shown(text: string): string {
  const url = new URL(text.includes('://') ? text.trim() : `nats://${text.trim()}`);
  // a NATS token stands where a user would
  const user = url.password === '' && /^(nats|tls):$/.test(url.protocol) ? '' : url.username;
  const path = url.pathname === '/' ? '' : url.pathname;
  return `${url.protocol}//${user && `${user}@`}${url.host}${path}`;
}
