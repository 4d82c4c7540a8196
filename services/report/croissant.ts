/**
 * A snapshot as Croissant JSON-LD (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html): its shards with their
 * digests, the fields of a sample, and its lineage in the words of PROV. It names sources and no people. Pure.
 */
import type { DataSummary } from './data-summary.ts';

export interface CroissantInput {
  readonly data: DataSummary;
  readonly model: string;
  readonly runId: string;
  /** Digest of the snapshot. */
  readonly snapshot: string;
  readonly startedAt: string;
  readonly collectedAt: string;
}

const CONTEXT = {
  '@language': 'en',
  '@vocab': 'https://schema.org/',
  citeAs: 'cr:citeAs',
  column: 'cr:column',
  conformsTo: 'dct:conformsTo',
  cr: 'http://mlcommons.org/croissant/',
  rai: 'http://mlcommons.org/croissant/RAI/',
  data: { '@id': 'cr:data', '@type': '@json' },
  dataType: { '@id': 'cr:dataType', '@type': '@vocab' },
  dct: 'http://purl.org/dc/terms/',
  equivalentProperty: 'cr:equivalentProperty',
  examples: { '@id': 'cr:examples', '@type': '@json' },
  extract: 'cr:extract',
  field: 'cr:field',
  fileProperty: 'cr:fileProperty',
  fileObject: 'cr:fileObject',
  fileSet: 'cr:fileSet',
  format: 'cr:format',
  includes: 'cr:includes',
  isLiveDataset: 'cr:isLiveDataset',
  jsonPath: 'cr:jsonPath',
  key: 'cr:key',
  md5: 'cr:md5',
  parentField: 'cr:parentField',
  path: 'cr:path',
  prov: 'http://www.w3.org/ns/prov#',
  recordSet: 'cr:recordSet',
  references: 'cr:references',
  regex: 'cr:regex',
  repeated: 'cr:repeated',
  replace: 'cr:replace',
  samplingRate: 'cr:samplingRate',
  sc: 'https://schema.org/',
  separator: 'cr:separator',
  source: 'cr:source',
  subField: 'cr:subField',
  transform: 'cr:transform',
};

const HEX_FROM = 'sha256:'.length;

export function croissantOf({ data, model, runId, snapshot, startedAt, collectedAt }: CroissantInput): object {
  const { shards = [], counts, image, people, version } = data;
  const name = (digest: string) => digest.slice(HEX_FROM);
  return {
    '@context': CONTEXT,
    '@type': 'sc:Dataset',
    conformsTo: 'http://mlcommons.org/croissant/1.0',
    name: `${model}-${name(snapshot).slice(0, 12)}`,
    description: `${counts.total} images of ${people} people, ${image.width} x ${image.height} x ${image.channels}, as the run ${runId} of the model ${model} collected them.`,
    version: '1.0.0',
    identifier: snapshot,
    datePublished: collectedAt,
    isLiveDataset: false,
    'prov:wasGeneratedBy': {
      '@type': 'prov:Activity',
      name: `run ${runId}`,
      'prov:startedAtTime': startedAt,
      'prov:endedAtTime': collectedAt,
      'prov:wasAssociatedWith': { '@type': 'prov:SoftwareAgent', name: `nightshift ${version ?? 'before 0.6.0'}` },
    },
    'prov:wasDerivedFrom': data.sources.map((source) => ({
      '@type': 'prov:Entity',
      name: source.name,
      additionalType: source.type,
      size: source.samples,
    })),
    distribution: [
      ...shards.map(({ blob }) => ({
        '@type': 'cr:FileObject',
        '@id': name(blob.digest),
        name: `${name(blob.digest)}.tar`,
        contentUrl: blob.key,
        contentSize: `${blob.bytes} B`,
        encodingFormat: 'application/x-tar',
        sha256: name(blob.digest),
      })),
      ...(['png', 'json'] as const).map((ending) => ({
        '@type': 'cr:FileSet',
        '@id': FILE_SETS[ending],
        name: FILE_SETS[ending],
        containedIn: shards.map(({ blob }) => ({ '@id': name(blob.digest) })),
        encodingFormat: ending === 'png' ? 'image/png' : 'application/json',
        includes: `*.${ending}`,
      })),
    ],
    recordSet: [
      recordSet('images', 'The images, each under the name of its record.', 'image', 'sc:ImageObject'),
      recordSet('records', 'One for each image: its id, label, source, digest, split and tags.', 'record', 'sc:Text'),
    ],
  };
}

const FILE_SETS = { png: 'png-files', json: 'json-files' } as const;

/** The files of an ending, whole, with the name that is the same for the image and its record. */
function recordSet(name: 'images' | 'records', description: string, content: string, dataType: string): object {
  const fileSet = { '@id': name === 'images' ? FILE_SETS.png : FILE_SETS.json };
  const field = (id: string, type: string, source: object) => ({
    ...{ '@type': 'cr:Field', '@id': `${name}/${id}`, name: id, dataType: type },
    source: { fileSet, ...source },
  });
  return {
    ...{ '@type': 'cr:RecordSet', '@id': name, name, description },
    field: [
      field('key', 'sc:Text', { extract: { fileProperty: 'filename' }, transform: { regex: '^([0-9a-f]+)\\.\\w+$' } }),
      field(content, dataType, { extract: { fileProperty: 'content' } }),
    ],
  };
}
