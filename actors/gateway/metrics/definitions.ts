/**
 * The one table of metrics: name, kind, labels and meaning. docs/metrics.md is held to it by a test, registry.ts makes it
 * scrapable. Units are seconds and bytes, counters end in `_total`. Every label has few values: stages, outcomes, codes, the
 * models that are configured, and of releases the latest few.
 */

interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds. */
  readonly buckets?: readonly number[];
}

/** A night of a small set takes seconds, one of a large set hours. */
const STAGE_S = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400];
/** The promise is a swap below a millisecond. */
const SWAP_S = [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.05];
const SKEW_S = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];
/** The promise is a minute. */
const ROLLBACK_S = [0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300];
const HTTP_S = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10];

const counter = (help: string, ...labels: string[]): Definition => ({ type: 'counter', help, labels });
const gauge = (help: string, ...labels: string[]): Definition => ({ type: 'gauge', help, labels });
const histogram = (help: string, buckets: readonly number[], ...labels: string[]): Definition => ({
  ...{ type: 'histogram', help, buckets, labels },
});

export const METRICS = {
  nightshift_stage_duration_seconds: histogram('Time that a run spent in a stage.', STAGE_S, 'stage', 'outcome'),
  nightshift_transitions_total: counter('Transitions of runs, by the state that they led to.', 'state'),
  nightshift_runs_total: counter('Runs that came to a stop, by how.', 'model', 'outcome'),
  nightshift_run_started_timestamp_seconds: gauge('When the latest run of the model started.', 'model'),
  nightshift_run_state: gauge('1 for the state of the active run of the model.', 'model', 'state'),
  nightshift_run_state_since_timestamp_seconds: gauge('Since when the active run is in its state.', 'model'),
  nightshift_outbox_age_seconds: gauge('For so long effects of a saved transition wait to be carried out.', 'model'),
  nightshift_verdicts_total: counter('Verdicts of verifications.', 'verdict'),
  nightshift_slots_total: counter('Slots of schedules, by what was decided.', 'model', 'decision'),
  nightshift_schedule_next_timestamp_seconds: gauge('When the next slot of the model comes.', 'model'),
  nightshift_schedule_paused: gauge('1 while the schedule of the model is paused.', 'model'),
  nightshift_release: gauge('Number of the release in service.', 'model'),
  nightshift_release_committed_timestamp_seconds: gauge('When the release in service was committed.', 'model'),
  nightshift_rollbacks_total: counter('Releases that an earlier pair replaced.', 'model'),
  nightshift_swap_duration_seconds: histogram('Time of the switch on a replica.', SWAP_S, 'model'),
  nightshift_swap_skew_seconds: histogram('Between the first and the last replica that switched.', SKEW_S, 'model'),
  nightshift_rollback_duration_seconds: histogram('From the start of a rollback to its end.', ROLLBACK_S, 'model'),
  nightshift_replicas: gauge(
    'Replicas with a heartbeat, by the release that they serve; none: "none".',
    'model',
    'release',
  ),
  nightshift_replicas_stale: gauge('Replicas that serve an older release than the one in service.', 'model'),
  nightshift_replicas_out_of_service: gauge(
    'Replicas that take no requests although a release is in service.',
    'model',
  ),
  nightshift_alarms: gauge(
    'Records and pairs that are refused because they are unsigned, old, damaged or lost.',
    'model',
  ),
  nightshift_inference_duration_seconds: {
    // Counted by the replicas in the classes of their heartbeat: contracts/replica.ts.
    ...{ type: 'histogram', help: 'Time of a request on a replica, for answers.', labels: ['model', 'release'] },
  },
  nightshift_inference_requests_total: counter(
    'Requests on replicas; mistakes of clients do not count.',
    'model',
    'release',
  ),
  nightshift_inference_failures_total: counter('Requests that a replica failed or turned away.', 'model', 'release'),
  nightshift_decisions_total: counter('Decisions: known, unknown, matched, wrong_claim.', 'model', 'decision'),
  nightshift_stranger_ratio: gauge('Share of unknown faces among those identified in the last five minutes.', 'model'),
  nightshift_inference_queue_depth: gauge('Requests that wait or run on the replicas.', 'model'),
  nightshift_inference_batches_total: counter('Runs of the models in service, warm-up included.', 'model'),
  nightshift_inference_batch_images_total: counter('Images in them: by the runs, the size of a batch.', 'model'),
  nightshift_training_images_per_second: gauge('Pace of the training, as it was last told.'),
  nightshift_training_loss: gauge('Loss of the training, as it was last told.'),
  nightshift_commands_total: counter('Operator commands, by what became of them.', 'outcome'),
  nightshift_refusals_total: counter('Operator commands that were refused, by the code of the reason.', 'code'),
  nightshift_refusals_kept: gauge('Refused commands in the stream REFUSED.'),
  nightshift_dead_letters: gauge('Dead letters in the stream DLQ.'),
  nightshift_redeliveries: gauge(
    'Messages of a consumer that were delivered more than once and are not done.',
    'consumer',
  ),
  nightshift_consumer_pending: gauge('Messages that wait for a consumer.', 'consumer'),
  nightshift_consumer_ack_pending: gauge('Messages of a consumer that are being handled.', 'consumer'),
  nightshift_store_bytes: gauge('Bytes in a stream or bucket.', 'kind', 'name'),
  nightshift_store_messages: gauge('Messages in a stream or bucket.', 'kind', 'name'),
  nightshift_certificate_expiry_timestamp_seconds: gauge('When the first certificate of a file ends.', 'file'),
  nightshift_process_resident_memory_bytes: gauge('Memory of the process of an actor of this machine.', 'actor'),
  nightshift_process_event_loop_delay_seconds: gauge('How late its event loop runs, p99 of two seconds.', 'actor'),
  nightshift_process_ready: gauge('1 if the process can work.', 'actor'),
  nightshift_up: gauge('1 if an orchestrator answered the gateway for this scrape.'),
  nightshift_gateway_requests_total: counter('Requests at the gateway.', 'route', 'status'),
  nightshift_gateway_request_duration_seconds: histogram('Time of a request at the gateway.', HTTP_S, 'route'),
} as const satisfies Readonly<Record<string, Definition>>;

export type MetricName = keyof typeof METRICS;
export const definitionOf = (name: MetricName): Definition => METRICS[name];
