import { expect, it } from 'vitest';
import { confirm } from '../../../cli/confirm.ts';

const typing = (text: string) => {
  const asked: string[] = [];
  const ask = async (question: string) => {
    asked.push(question);
    return text;
  };
  return { ask, asked };
};

it('continues when the word is typed', async () => {
  const { ask, asked } = typing(' requeue ');
  await confirm('requeue', 'It will be sent.', {}, ask);
  expect(asked).toEqual(['It will be sent.\nType "requeue" to continue: ']);
});

it.each(['', 'y', 'yes', 'Requeue'])('who types "%s" instead does not', async (text) => {
  await expect(confirm('requeue', 'It will be sent.', {}, typing(text).ask)).rejects.toThrow(
    'Cancelled; nothing was changed.',
  );
});

it('does not ask with --yes', async () => {
  const { ask, asked } = typing('');
  await confirm('requeue', 'It will be sent.', { yes: true }, ask);
  expect(asked).toEqual([]);
});

it('does not ask a program', async () => {
  const { ask, asked } = typing('requeue');
  await expect(confirm('requeue', 'It will be sent.', { json: true }, ask)).rejects.toMatchObject({ exitCode: 2 });
  expect(asked).toEqual([]);
});
