import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A service of docker-compose.yml, before `${…}` is substituted. */
export interface ComposeService {
  readonly build?: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly profiles?: readonly string[];
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** docker-compose.yml with its anchors merged. */
export function readComposeFile(): ComposeFile {
  return parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true });
}

const VARIABLE = /\$\{(\w+)(?::([-?])([^}]*))?\}/g;

/** The variables that a text refers to. */
export function variablesIn(text: string): { name: string; required: boolean; sentence: string }[] {
  return [...text.matchAll(VARIABLE)].map(([, name = '', mark, sentence = '']) => ({
    name,
    required: mark !== '-',
    sentence,
  }));
}

/** Substitutes `${NAME:-default}` and `${NAME:?message}` like compose. */
export function fillIn(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(VARIABLE, (_, name: string, mark?: string, rest = '') => {
    const value = values[name] || (mark === '-' ? rest : undefined);
    if (value === undefined) throw new Error(`${name} is not set: ${rest}`);
    return value;
  });
}
