import type { DescEnum } from '@bufbuild/protobuf';

/** Names that requests may still use for a renamed value, for one release. */
const FORMER_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'autosession.task.v1.TaskStatus': { sent: 'fetched' },
};

const namesByEnum = new WeakMap<DescEnum, { byNumber: Map<number, string>; byWord: Map<string, number> }>();

/** `auto_bargain` for TASK_TYPE_AUTO_BARGAIN; null for the unset value, the number for a value that this release does not know. */
export function enumName(desc: DescEnum, value: number): string | number | null {
  if (value === 0) return null;
  return namesOf(desc).byNumber.get(value) ?? value;
}

/** The value with this name, or with this former name; undefined for an unknown name. The unset value has no name. */
export function enumValue(desc: DescEnum, name: string): number | undefined {
  const { byWord } = namesOf(desc);
  const formerNames = FORMER_NAMES[desc.typeName] ?? {};
  return byWord.get(name) ?? (Object.hasOwn(formerNames, name) ? byWord.get(formerNames[name] ?? '') : undefined);
}

/** The enum's names, in its order. */
export function enumNames(desc: DescEnum): string[] {
  return [...namesOf(desc).byWord.keys()];
}

function namesOf(desc: DescEnum) {
  const cached = namesByEnum.get(desc);
  if (cached) return cached;
  const prefix = desc.sharedPrefix?.length ?? 0;
  const pairs = desc.values
    .filter(({ number }) => number !== 0)
    .map(({ name, number }) => [name.slice(prefix).toLowerCase(), number] as const);
  const names = { byNumber: new Map(pairs.map(([name, number]) => [number, name])), byWord: new Map(pairs) };
  namesByEnum.set(desc, names);
  return names;
}
