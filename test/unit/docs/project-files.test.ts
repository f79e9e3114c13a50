import { readFileSync } from 'node:fs';
import type { Tokens } from 'marked';
import { describe, expect, it } from 'vitest';
import project from '../../../package.json' with { type: 'json' };
import { readDockerfile } from '../../support/deployment/dockerfile.ts';
import { readBlocks } from '../../support/deployment/markdown.ts';

const headings = (file: string) =>
  readBlocks(file).filter((block): block is Tokens.Heading => block.type === 'heading' && 'depth' in block);

describe('the licence', () => {
  it('is the one that the package and the image name, and is in the image', () => {
    expect(readFileSync('LICENSE', 'utf8')).toMatch(
      /^MIT License\n\nCopyright \(c\) \d{4} Auto Session contributors\n/,
    );
    expect(project.license).toBe('MIT');
    expect(readFileSync('Dockerfile', 'utf8')).toContain('org.opencontainers.image.licenses="MIT"');
    expect(readDockerfile().copied).toContain('LICENSE');
  });
});

describe('the description', () => {
  it('is the same of the package and of the image', () => {
    expect(readFileSync('Dockerfile', 'utf8')).toContain(`image.description="${project.description}"`);
  });
});

describe('the changelog', () => {
  const titles = headings('CHANGELOG.md').filter(({ depth }) => depth === 2);

  it('begins with what is unreleased, then the version of the package', () => {
    const names = titles.map(({ text }) => /^\[([^\]]+)\]/.exec(text)?.[1]);
    expect(names.slice(0, 2)).toEqual(['Unreleased', project.version]);
  });

  it('sorts changes under the six headings of Keep a Changelog', () => {
    const kinds = new Set(headings('CHANGELOG.md').flatMap(({ depth, text }) => (depth === 3 ? [text] : [])));
    const known = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
    expect([...kinds].filter((kind) => !known.includes(kind))).toEqual([]);
  });
});

describe('the security policy', () => {
  it('names every protection, its limits and how to report, under headings of their own', () => {
    expect(headings('SECURITY.md').map(({ text }) => text)).toEqual([
      'Security policy',
      'Supported versions',
      'Report a vulnerability',
      'What the defaults protect',
      'What they do not protect',
      'Hardening checklist',
    ]);
  });
});
