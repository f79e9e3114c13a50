import type { DescEnum, DescMessage } from '@bufbuild/protobuf';
import { enumWords } from '../../words.ts';
import type { Ref, Response, Schema } from '../types.ts';
import type { Source } from './source.ts';

/** The named schemas and responses of the document, made when they are first referred to. */
export class Components {
  readonly source: Source;
  /** The responses that several operations share, by name. */
  readonly responses: Record<string, Response> = {};
  readonly #schemas = new Map<string, { owner: unknown; schema: Schema }>();

  constructor(source: Source) {
    this.source = source;
  }

  /** A reference to the schema of that name, which `make` gives once. Throws when the name is another owner's. */
  ref(name: string, owner: unknown, make: () => Schema): Ref {
    const known = this.#schemas.get(name);
    if (known && known.owner !== owner) throw new Error(`two schemas are called ${name}`);
    if (!known) {
      const entry = { owner, schema: {} as Schema };
      this.#schemas.set(name, entry);
      entry.schema = make();
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** What a reference stands for. */
  get({ $ref }: Ref): Schema {
    return this.#schemas.get($ref.split('/').at(-1) ?? '')?.schema ?? {};
  }

  /** A reference to an enum's words. */
  enumRef(desc: DescEnum): Ref {
    return this.ref(localName(desc), desc, () => {
      const words = enumWords(desc);
      const values = desc.values.filter(({ number }) => number !== 0);
      const meanings = values.map(({ name }) => this.source.valueComment(desc.typeName, name));
      return {
        type: 'string',
        enum: words,
        description: this.source.comment(desc),
        'x-words': Object.fromEntries(words.map((word, index) => [word, meanings[index] ?? ''])),
      };
    });
  }

  /** All of them, by name. */
  sorted(): Record<string, Schema> {
    const names = [...this.#schemas.keys()].sort();
    return Object.fromEntries(names.map((name) => [name, this.#schemas.get(name)?.schema ?? {}]));
  }
}

/** The name without its package: `GetTaskStatsResponseLevel`. */
export function localName(desc: DescMessage | DescEnum): string {
  return desc.typeName.slice(desc.file.proto.package.length + 1).replaceAll('.', '');
}

/** A schema that null fits too. */
export function nullable(schema: Schema): Schema {
  const { description, ...rest } = schema;
  if (rest.$ref) return { anyOf: [rest, { type: 'null' }], ...(description ? { description } : {}) };
  if (rest.type === undefined) return schema;
  return { ...schema, type: [...[rest.type].flat(), 'null'], ...(rest.enum ? { enum: [...rest.enum, null] } : {}) };
}

/** A schema with what is said of it; without text it stays as it is. */
export function described(schema: Schema, ...texts: readonly string[]): Schema {
  const description = texts.filter(Boolean).join(' ');
  return description ? { ...schema, description } : schema;
}
