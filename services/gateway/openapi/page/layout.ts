import { type Html, html } from './html.ts';

/** A guide as the menu names it. */
export interface GuideLink {
  readonly name: string;
  readonly title: string;
}

/** A whole page. Nothing in it comes from another host, and nothing is inline: the policy forbids both. */
export function page(options: {
  readonly title: string;
  readonly guides: readonly GuideLink[];
  readonly menu: Html;
  readonly main: Html;
}): string {
  const { title, guides, menu, main } = options;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/style.css">
<script src="/docs/page.js" defer></script>
</head>
<body>
<nav>
<p class="brand"><a href="/docs">Auto Session</a></p>
${guides.length > 0 ? guideMenu(guides) : undefined}
${menu}
</nav>
<main>
${main}
</main>
</body>
</html>
`.text;
}

function guideMenu(guides: readonly GuideLink[]): Html {
  const links = guides.map(({ name, title }) => html`<li><a href="/docs/guides/${name}">${title}</a></li>`);
  return html`<h2>Guides</h2><ul>${links}</ul>`;
}
