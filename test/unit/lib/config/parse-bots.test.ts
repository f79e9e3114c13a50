import { describe, expect, it } from 'vitest';
import { parseBots } from '../../../../services/lib/config/parse-bots.ts';

function parse(json: string) {
  const faults: string[] = [];
  return { bots: parseBots(json, (sentence) => void faults.push(sentence)), faults };
}

describe('AUTOSESSION_BOTS', () => {
  it('is one scripted bot by default', () => {
    const { bots, faults } = parse('');
    expect([bots.map(({ id, engine }) => [id, engine]), faults]).toEqual([[['assistant', 'scripted']], []]);
  });

  it('describes bots of three engines, with defaults for what it does not say', () => {
    const { bots, faults } = parse(
      JSON.stringify([
        { id: 'a', engine: 'openai', url: 'https://host/v1/chat/completions', model: 'm' },
        { id: 'b', engine: 'coze', key: 'k', bot_id: '1' },
        { id: 'c', engine: 'scripted' },
      ]),
    );
    expect(faults).toEqual([]);
    expect(bots).toMatchObject([
      { name: 'a', timeoutSeconds: 60, key: '' },
      { url: 'https://api.coze.cn', botId: '1', workflowId: '' },
      { script: { fallback: expect.any(String) } },
    ]);
  });

  it.each([
    ['{}', 'AUTOSESSION_BOTS is not a list'],
    ['[]', 'AUTOSESSION_BOTS is not a list with at least one bot'],
    ['nonsense', 'AUTOSESSION_BOTS is not a list'],
    ['[{"id": "a", "engine": "other"}]', 'entry 1 has an engine that is none of'],
    ['[{"engine": "scripted"}]', 'entry 1 needs an id'],
    ['[{"id": " a", "engine": "scripted"}]', 'entry 1 needs an id'],
    ['[{"id": "a", "engine": "scripted", "typo": 1}]', 'entry 1 has a field beside'],
    ['[{"id": "a", "engine": "scripted", "script": "/no/such/file"}]', 'entry 1 has a script that cannot be read'],
    ['[{"id": "a", "engine": "openai", "url": "ftp://h", "model": "m"}]', 'entry 1 needs an http or https URL'],
    ['[{"id": "a", "engine": "openai", "url": "https://u:p@h", "model": "m"}]', 'entry 1 needs an http or https URL'],
    ['[{"id": "a", "engine": "openai", "url": "https://h"}]', 'entry 1 needs a model'],
    ['[{"id": "a", "engine": "coze", "key": "k"}]', 'entry 1 needs for coze a bot_id or a workflow_id'],
    ['[{"id": "a", "engine": "coze", "bot_id": "b"}]', 'entry 1 needs for coze a bot_id or a workflow_id, and a key'],
    ['[{"id": "a", "engine": "scripted", "timeout_seconds": 0}]', 'entry 1 needs for timeout_seconds'],
    ['[{"id": "a", "engine": "scripted"}, {"id": "a", "engine": "scripted"}]', 'entry 2 has the id of entry 1'],
  ])('of %s is refused with a sentence that says where and why', (json, sentence) => {
    const { faults } = parse(json);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(sentence);
  });

  it('is refused without repeating a key', () => {
    const { faults } = parse('[{"id": "a", "engine": "openai", "url": "secret-url", "key": "secret-key", "model": 7}]');
    expect(faults.join()).not.toContain('secret');
  });
});
