import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { StaticFile } from '../static-file.ts';

/** The file of a diagram's picture, by its Mermaid source: a changed diagram never shows the picture of the old one. */
export function diagramFile(source: string): string {
  return `${createHash('sha256').update(source.trim()).digest('hex').slice(0, 16)}.svg`;
}

/** The pictures that `npm run gen` draws from the Mermaid blocks of the guides. */
export class Diagrams {
  readonly #folder: URL;

  constructor(folder: URL) {
    this.#folder = folder;
  }

  /** Where the picture of a diagram is served; undefined when there is none. */
  url(source: string): string | undefined {
    const file = diagramFile(source);
    return existsSync(new URL(file, this.#folder)) ? `/docs/diagrams/${file}` : undefined;
  }

  /** A picture by the name of its file; undefined when there is none. */
  find(file: string): StaticFile | undefined {
    if (!/^[0-9a-f]{16}\.svg$/.test(file)) return undefined;
    const url = new URL(file, this.#folder);
    return existsSync(url) ? new StaticFile('image/svg+xml', readFileSync(url)) : undefined;
  }
}
