/** The folder that stands in for the object store in tests must behave like it. */
import { test } from 'uvu';
import { blobStoreConformance } from '../infra/stores/blob-store.conformance.ts';
import { withFolderBlobs } from './folder-blobs.ts';

blobStoreConformance('folder blobs', withFolderBlobs);

test.run();
