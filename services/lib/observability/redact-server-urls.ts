/** One or several comma-separated server URLs, safe to log: without passwords, tokens and parameters. */
export function redactServerUrls(urls: string): string {
  return urls.split(',').map(redactServerUrl).join(',');
}

function redactServerUrl(text: string): string {
  const url = new URL(text.includes('://') ? text.trim() : `nats://${text.trim()}`);
  // in a NATS URL a token takes the place of the user
  const user = url.password === '' && /^(nats|tls):$/.test(url.protocol) ? '' : url.username;
  const path = url.pathname === '/' ? '' : url.pathname;
  return `${url.protocol}//${user && `${user}@`}${url.host}${path}`;
}
