import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { StaticFile } from '../static-file.ts';

const viewer = (file: string) => new URL(import.meta.resolve(`swagger-ui-dist/${file}`));
const own = (file: string) => new URL(file, import.meta.url);

/** Where each file comes from: the viewer's from its package, which is looked up at the first use, the others from this folder. */
const sources = (): Readonly<Record<string, URL>> => ({
  'style.css': own('style.css'),
  'page.js': own('page.js'),
  'reference.css': own('reference.css'),
  'reference.js': own('reference.js'),
  'swagger-ui.css': viewer('swagger-ui.css'),
  'swagger-ui-bundle.js': viewer('swagger-ui-bundle.js'),
});

/** The styles and scripts of the pages, under a path that changes with their content: a browser asks for each only once. */
export class PageAssets {
  readonly #version: string;
  readonly #files: ReadonlyMap<string, StaticFile>;

  constructor() {
    const contents = Object.entries(sources()).map(([name, url]) => [name, readFileSync(url)] as const);
    const hash = createHash('sha256');
    for (const [, content] of contents) hash.update(content);
    this.#version = hash.digest('hex').slice(0, 16);
    this.#files = new Map(
      contents.map(([name, content]) => [
        name,
        new StaticFile(
          name.endsWith('.css') ? 'text/css' : 'text/javascript',
          content,
          'public, max-age=31536000, immutable',
        ),
      ]),
    );
  }

  /** Where a page finds a file. */
  url(name: string): string {
    if (!this.#files.has(name)) throw new Error(`the pages have no asset ${name}`);
    return `/docs/assets/${this.#version}/${name}`;
  }

  /** The file of a URL; undefined for another version, whose content this is not. */
  find(version: string, name: string): StaticFile | undefined {
    return version === this.#version ? this.#files.get(name) : undefined;
  }
}
