import { createRegistry, type DescFile, type DescService, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import { file_google_rpc_error_details } from '../../../../gen/google/rpc/error_details_pb.js';
import { Health } from '../../../../gen/grpc/health/v1/health_pb.js';
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from '../../../../gen/grpc/reflection/v1/reflection_pb.js';

type ReflectionResponse = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

/** gRPC server reflection: tells tools such as `buf curl` and `grpcurl` the contracts of these services and their errors. */
export function reflectionRoutes(services: readonly DescService[]) {
  const exposed = [...services, Health, ServerReflection];
  const lookup = createDescriptorLookup([...exposed.map(({ file }) => file), file_google_rpc_error_details]);
  const list: ReflectionResponse = {
    case: 'listServicesResponse',
    value: { service: exposed.map(({ typeName }) => ({ name: typeName })) },
  };
  return (router: ConnectRouter): void => {
    router.service(ServerReflection, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          const query = request.messageRequest;
          const messageResponse = query.case === 'listServices' ? list : lookup(query);
          yield { validHost: request.host, originalRequest: request, messageResponse };
        }
      },
    });
  };
}

/** Answers questions about everything that these files and the files behind them define. */
function createDescriptorLookup(
  roots: readonly DescFile[],
): (query: ServerReflectionRequest['messageRequest']) => ReflectionResponse {
  const files = new Map<string, DescFile>();
  for (const root of roots) for (const file of withDependencies(root)) files.set(file.proto.name, file);
  const registry = createRegistry(...files.values());
  const extensions = [...registry].filter((type) => type.kind === 'extension');
  const fileOf = (symbol: string) => (registry.get(symbol) ?? registry.get(parentSymbol(symbol)))?.file;
  return (query) => {
    switch (query.case) {
      case 'fileByFilename':
        return filesResponse(files.get(query.value), query.value);
      case 'fileContainingSymbol':
        return filesResponse(fileOf(query.value), query.value);
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = query.value;
        const found = extensions.find((e) => e.extendee.typeName === containingType && e.number === extensionNumber);
        return filesResponse(found?.file, `${containingType}, extension ${extensionNumber}`);
      }
      case 'allExtensionNumbersOfType': {
        const found = extensions.filter(({ extendee }) => extendee.typeName === query.value);
        if (!registry.getMessage(query.value)) return notFound(query.value);
        const value = { baseTypeName: query.value, extensionNumber: found.map(({ number }) => number) };
        return { case: 'allExtensionNumbersResponse', value };
      }
      default:
        return errorResponse(Code.InvalidArgument, 'the request contains no question');
    }
  };
}

/** A file and all that it imports, itself first, each once. */
function withDependencies(file: DescFile, seen = new Set<DescFile>()): Set<DescFile> {
  if (!seen.has(file)) {
    seen.add(file);
    for (const dependency of file.dependencies) withDependencies(dependency, seen);
  }
  return seen;
}

/** What a method, a field or an enum's value belongs to. */
function parentSymbol(symbol: string): string {
  return symbol.slice(0, Math.max(0, symbol.lastIndexOf('.')));
}

function filesResponse(file: DescFile | undefined, query: string): ReflectionResponse {
  if (!file) return notFound(query);
  const fileDescriptorProto = [...withDependencies(file)].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function notFound(query: string): ReflectionResponse {
  return errorResponse(Code.NotFound, `nothing here is called ${query}`);
}

function errorResponse(errorCode: Code, errorMessage: string): ReflectionResponse {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}
