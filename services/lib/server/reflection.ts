import { createRegistry, type DescFile, type DescService, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import { file_google_rpc_error_details } from '../../../gen/google/rpc/error_details_pb.js';
import { Health } from '../../../gen/grpc/health/v1/health_pb.js';
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from '../../../gen/grpc/reflection/v1/reflection_pb.js';

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

/** gRPC server reflection: tells tools such as `buf curl` and `grpcurl` the contracts of these services and their errors. */
export function reflectionRoutes(services: readonly DescService[]) {
  const told = [...services, Health, ServerReflection];
  const contracts = contractsOf([...told.map(({ file }) => file), file_google_rpc_error_details]);
  const list: Answer = {
    case: 'listServicesResponse',
    value: { service: told.map(({ typeName }) => ({ name: typeName })) },
  };
  return (router: ConnectRouter): void => {
    router.service(ServerReflection, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          const asked = request.messageRequest;
          const messageResponse = asked.case === 'listServices' ? list : contracts(asked);
          yield { validHost: request.host, originalRequest: request, messageResponse };
        }
      },
    });
  };
}

/** Answers questions about everything that these files and the files behind them define. */
function contractsOf(roots: readonly DescFile[]): (asked: ServerReflectionRequest['messageRequest']) => Answer {
  const files = new Map<string, DescFile>();
  for (const root of roots) for (const file of closure(root)) files.set(file.proto.name, file);
  const registry = createRegistry(...files.values());
  const extensions = [...registry].filter((type) => type.kind === 'extension');
  const fileOf = (symbol: string) => (registry.get(symbol) ?? registry.get(parentOf(symbol)))?.file;
  return (asked) => {
    switch (asked.case) {
      case 'fileByFilename':
        return filesAnswer(files.get(asked.value), asked.value);
      case 'fileContainingSymbol':
        return filesAnswer(fileOf(asked.value), asked.value);
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = asked.value;
        const found = extensions.find((e) => e.extendee.typeName === containingType && e.number === extensionNumber);
        return filesAnswer(found?.file, `${containingType}, extension ${extensionNumber}`);
      }
      case 'allExtensionNumbersOfType': {
        const found = extensions.filter(({ extendee }) => extendee.typeName === asked.value);
        if (!registry.getMessage(asked.value)) return notFound(asked.value);
        const value = { baseTypeName: asked.value, extensionNumber: found.map(({ number }) => number) };
        return { case: 'allExtensionNumbersResponse', value };
      }
      default:
        return errorAnswer(Code.InvalidArgument, 'the request asks nothing');
    }
  };
}

/** A file and all that it imports, itself first, each once. */
function closure(file: DescFile, seen = new Set<DescFile>()): Set<DescFile> {
  if (!seen.has(file)) {
    seen.add(file);
    for (const dependency of file.dependencies) closure(dependency, seen);
  }
  return seen;
}

/** What a method, a field or an enum's value belongs to. */
function parentOf(symbol: string): string {
  return symbol.slice(0, Math.max(0, symbol.lastIndexOf('.')));
}

function filesAnswer(file: DescFile | undefined, asked: string): Answer {
  if (!file) return notFound(asked);
  const fileDescriptorProto = [...closure(file)].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function notFound(asked: string): Answer {
  return errorAnswer(Code.NotFound, `nothing here is called ${asked}`);
}

function errorAnswer(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}
