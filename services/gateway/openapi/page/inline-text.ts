import { type Html, html } from './html.ts';

/** A sentence of the contract: `code` is shown as such, everything else as it is. */
export function inline(text: string): Html {
  const parts = text.split(/(`[^`]+`)/).map((part) => {
    const isCode = part.length > 2 && part.startsWith('`') && part.endsWith('`');
    return isCode ? html`<code>${part.slice(1, -1)}</code>` : part;
  });
  return html`${parts}`;
}

/** The same, over several paragraphs. */
export function paragraphs(text: string): Html {
  const blocks = text.split('\n\n').filter(Boolean);
  return html`${blocks.map((block) => html`<p>${inline(block)}</p>`)}`;
}
