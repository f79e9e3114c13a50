import { getOption } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { internal, scopes } from '../../../../gen/autosession/access/v1/access_pb.js';
import { authenticateByKey, digestApiKey } from '../../../../services/lib/auth/api-keys.ts';
import { loadConfig } from '../../../../services/lib/config/load-config.ts';
import { parseApiKeys } from '../../../../services/lib/config/parse-api-keys.ts';
import { modules } from '../../../support/test-system.ts';

const KEY = 'a-secret-of-24-characters';
const entry = { key: KEY, name: 'upstream-1', tenant: 'default', scopes: ['upstream'] };

function problemsOf(list: unknown): string[] {
  const problems: string[] = [];
  const keys = parseApiKeys(typeof list === 'string' ? list : JSON.stringify(list), (said) => void problems.push(said));
  if (problems.length > 0) expect(keys).toEqual([]);
  return problems;
}

describe('AUTOSESSION_API_KEYS', () => {
  it('is kept without the keys themselves', () => {
    const { apiKeys } = loadConfig({ AUTOSESSION_API_KEYS: JSON.stringify([entry]) });
    expect(apiKeys).toEqual([
      { digest: digestApiKey(KEY), name: 'upstream-1', tenant: 'default', scopes: ['upstream'] },
    ]);
    expect(JSON.stringify(apiKeys)).not.toContain(KEY);
  });

  it('lets a process listen on every address', () => {
    const env = { AUTOSESSION_API_KEYS: JSON.stringify([entry]), AUTOSESSION_HOST: '0.0.0.0' };
    expect(loadConfig(env).host).toBe('0.0.0.0');
  });

  it.each<[string, unknown, string]>([
    ['no JSON', 'secret-secret-secret-secret', 'is not a list'],
    ['no list', { ...entry }, 'is not a list'],
    ['an empty list', [], 'is not a list'],
    ['an entry that is no object', [KEY], 'entry 1 is not an object'],
    ['a short key', [{ ...entry, key: 'secret' }], 'entry 1 needs a key'],
    ['a key with a space', [{ ...entry, key: `${KEY} secret` }], 'entry 1 needs a key'],
    ['a key in place of the name', [{ ...entry, name: '?secret' }], 'entry 1 needs a name'],
    ['a name of the system', [{ ...entry, name: 'system' }], 'entry 1 has a name'],
    ['a name with a space at its end', [{ ...entry, name: 'upstream-1 ' }], 'entry 1 needs a name'],
    ['a tenant with a space at its start', [{ ...entry, tenant: '\u3000default' }], 'entry 1 needs a tenant'],
    ['a tenant that subjects cannot hold', [{ ...entry, tenant: 'a.b' }], 'entry 1 needs a tenant'],
    ['an unknown scope', [{ ...entry, scopes: ['upstream', 'secret'] }], 'entry 1 needs scopes'],
    ['a scope in a list of its own', [{ ...entry, scopes: [['upstream']] }], 'entry 1 needs scopes'],
    ['no scopes', [{ ...entry, scopes: [] }], 'entry 1 needs scopes'],
    ['a misspelt field', [{ ...entry, tennant: 'secret' }], 'entry 1 has a field beside'],
    ['the same name twice', [entry, { ...entry, key: `${KEY}-2` }], 'entry 2 has the name of entry 1'],
    ['the same key twice', [entry, { ...entry, name: 'other' }], 'entry 2 has the key of entry 1'],
  ])('with %s is refused in a sentence that repeats no value', (_, list, sentence) => {
    const [problem, ...others] = problemsOf(list);
    expect(others).toEqual([]);
    expect(problem).toMatch(/^AUTOSESSION_API_KEYS.*\.$/);
    expect(problem).toContain(sentence);
    expect(problem).not.toMatch(/secret/);
  });

  it('says everything that is wrong with it at once', () => {
    expect(
      problemsOf([
        { ...entry, key: 'x', scopes: 'upstream' },
        { ...entry, tenant: '' },
      ]),
    ).toHaveLength(4);
  });
});

it('a key is known by every digest that is configured, and by no other', async () => {
  const known = [1, 2, 3].map((n) => ({ ...entry, name: `key-${n}`, digest: digestApiKey(`${KEY}-${n}`) }));
  const authenticate = authenticateByKey(known);
  for (const n of [1, 2, 3])
    expect(await authenticate(new Headers({ 'x-api-key': `${KEY}-${n}` }))).toMatchObject({ actor: `key-${n}` });
  expect(() => authenticate(new Headers({ 'x-api-key': digestApiKey(`${KEY}-1`) }))).toThrow('not a known one');
});

it('every RPC says whose keys may call it, or that it is for the services themselves', () => {
  const methods = modules.flatMap(({ provides }) => provides).flatMap((service) => service.methods);
  const silent = methods.filter((rpc) => getOption(rpc, internal) === getOption(rpc, scopes).length > 0);
  expect(silent.map((rpc) => `${rpc.parent.name}/${rpc.name}`)).toEqual([]);
});
