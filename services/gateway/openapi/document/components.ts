import type { DescEnum, DescMessage } from '@bufbuild/protobuf';
import { enumNames } from '../../rest/enum-names.ts';
import type { Ref, Response, Schema } from '../openapi-types.ts';
import type { Descriptors } from './descriptors.ts';

/** The named schemas and responses of the document, created on first use. */
export class Components {
  readonly descriptors: Descriptors;
  /** The responses that several operations share, by name. */
  readonly responses: Record<string, Response> = {};
  readonly #schemas = new Map<string, { owner: unknown; schema: Schema }>();

  constructor(descriptors: Descriptors) {
    this.descriptors = descriptors;
  }

  /** A reference to the schema of that name, which `build` creates once. Throws if another owner uses the name. */
  ref(name: string, owner: unknown, build: () => Schema): Ref {
    const existing = this.#schemas.get(name);
    if (existing && existing.owner !== owner) throw new Error(`two schemas are called ${name}`);
    if (!existing) {
      const entry = { owner, schema: {} as Schema };
      this.#schemas.set(name, entry);
      entry.schema = build();
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** Resolves a reference. */
  get({ $ref }: Ref): Schema {
    return this.#schemas.get($ref.split('/').at(-1) ?? '')?.schema ?? {};
  }

  /** A reference to the schema of an enum's names. */
  enumRef(desc: DescEnum): Ref {
    return this.ref(schemaName(desc), desc, () => {
      const names = enumNames(desc);
      const values = desc.values.filter(({ number }) => number !== 0);
      const descriptions = values.map(({ name }) => this.descriptors.valueComment(desc.typeName, name));
      return {
        type: 'string',
        enum: names,
        description: this.descriptors.comment(desc),
        'x-words': Object.fromEntries(names.map((name, index) => [name, descriptions[index] ?? ''])),
      };
    });
  }

  /** All schemas, by name. */
  sorted(): Record<string, Schema> {
    const names = [...this.#schemas.keys()].sort();
    return Object.fromEntries(names.map((name) => [name, this.#schemas.get(name)?.schema ?? {}]));
  }
}

/** The name without its package: `GetTaskStatsResponseLevel`. */
export function schemaName(desc: DescMessage | DescEnum): string {
  return desc.typeName.slice(desc.file.proto.package.length + 1).replaceAll('.', '');
}

/** The schema, extended to accept null. */
export function nullable(schema: Schema): Schema {
  const { description, ...rest } = schema;
  if (rest.$ref) return { anyOf: [rest, { type: 'null' }], ...(description ? { description } : {}) };
  if (rest.type === undefined) return schema;
  return { ...schema, type: [...[rest.type].flat(), 'null'], ...(rest.enum ? { enum: [...rest.enum, null] } : {}) };
}

/** The schema with a description; unchanged if there is no text. */
export function described(schema: Schema, ...texts: readonly string[]): Schema {
  const description = texts.filter(Boolean).join(' ');
  return description ? { ...schema, description } : schema;
}
