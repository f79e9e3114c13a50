import { readFileSync } from 'node:fs';

/** One instruction with its continuation lines joined. */
interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The parsed Dockerfile. */
export interface Dockerfile {
  readonly instructions: readonly Instruction[];
  /** Files and folders that are copied from the project, in every stage. */
  readonly copied: readonly string[];
  /** Environment that the image sets. */
  readonly env: Readonly<Record<string, string>>;
  /** The words of the last instruction of this name in exec form. */
  exec(name: 'ENTRYPOINT' | 'HEALTHCHECK'): string[];
}

export function readDockerfile(): Dockerfile {
  const text = readFileSync('Dockerfile', 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ');
  const instructions = text.split('\n').flatMap((line) => {
    const [, name, rest] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    return name && rest ? [{ name, rest }] : [];
  });
  const all = (name: string) => instructions.filter((each) => each.name === name).map(({ rest }) => rest);
  return {
    instructions,
    copied: all('COPY')
      .filter((rest) => !rest.startsWith('--from='))
      .flatMap((rest) => rest.split(' ').slice(0, -1)),
    env: Object.fromEntries(
      all('ENV').flatMap((rest) => rest.split(/ +/).map((pair) => pair.split('=') as [string, string])),
    ),
    exec: (name) => JSON.parse(/\[.*\]$/.exec(all(name).at(-1) ?? '')?.[0] ?? '[]'),
  };
}

/** The paths that `.dockerignore` includes in the build context; it excludes everything else. */
export function dockerContextPaths(): string[] {
  const [first, ...exceptions] = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (first !== '*' || !exceptions.every((line) => line.startsWith('!')))
    throw new Error('.dockerignore must ignore everything and then list the included paths');
  return exceptions.map((line) => line.slice(1));
}
