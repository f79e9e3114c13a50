// Draws the Mermaid diagrams of the guides as pictures, into the folder that is named: the server needs no browser and no library
// for them. One picture serves both colour schemes; it loads nothing, also no font.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderMermaidSVG } from 'beautiful-mermaid';
import { diagramFile } from '../services/gateway/openapi/page/diagrams.ts';
import { parseCodeBlocks } from './generate-docs/code-blocks.ts';

const FONTS = '"Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif';
const STYLE = `
  text { font-family: ${FONTS}; }
  text:not([font-weight="500"]) { paint-order: stroke; stroke: var(--bg); stroke-width: 3px; }
  svg { --bg: #ffffff; --fg: #1f2430; --muted: #4a5264; background: var(--bg); }
  @media (prefers-color-scheme: dark) { svg { --bg: #15181f; --fg: #d8dce6; --muted: #b3bac8; } }
`;

const [, , folder] = process.argv;
if (!folder) throw new Error('usage: generate-diagrams.ts FOLDER');
mkdirSync(folder, { recursive: true });
const guides = readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'));
for (const { language, text } of guides.flatMap((file) => parseCodeBlocks(readFileSync(join('docs', file), 'utf8'))))
  if (language === 'mermaid') writeFileSync(join(folder, diagramFile(text)), `${draw(text)}\n`);

function draw(source: string): string {
  const svg = renderMermaidSVG(source);
  const drawn = svg
    .replace(/ style="--bg:[^"]*"/, '')
    .replaceAll(/^ *@import url\([^)]*\);\n/gm, '')
    .replaceAll(/^ *text \{ font-family: [^}]*\}\n/gm, '')
    .replace('</style>', `${STYLE}</style>`);
  const loaded = drawn.replace('xmlns="http://www.w3.org/2000/svg"', '').match(/https?:|@import|url\((?!#)/);
  if (loaded) throw new Error(`a picture would load something: ${loaded[0]} (${source.split('\n')[0]})`);
  return drawn;
}
