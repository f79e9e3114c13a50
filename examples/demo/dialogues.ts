import { readFileSync } from 'node:fs';

/** One line of a dialogue. */
export interface Line {
  readonly side: 'account' | 'shop';
  readonly text: string;
}

export interface Dialogue {
  readonly id: string;
  readonly lines: readonly Line[];
}

/** The first `count` dialogues of examples/dialogues that the account starts. */
export function loadDialogues(count: number): Dialogue[] {
  const file = new URL('../dialogues/dialogues.jsonl', import.meta.url);
  const all = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((row) => JSON.parse(row) as { id: string; messages: [Line['side'], string][] })
    .map(({ id, messages }) => ({ id, lines: messages.map(([side, text]) => ({ side, text })) }))
    .filter(({ lines }) => lines[0]?.side === 'account');
  return Array.from({ length: count }, (_, index) => {
    const dialogue = all[index % all.length];
    if (!dialogue) throw new Error('examples/dialogues is empty');
    return { ...dialogue, id: index < all.length ? dialogue.id : `${dialogue.id}-${index}` };
  });
}
