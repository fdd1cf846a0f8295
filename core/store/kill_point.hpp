#pragma once
// Named moments at which a fault build (ASSAY_FAULTS) dies when told to: ASSAY_KILL_AT=POINT[:N] raises SIGKILL at the
// N-th passage (default 1) of POINT. In other builds nothing is compiled in. Any thread.
//
// Points of the store: store.open.before_commit, store.open.after_commit, store.create.before_rename,
// store.create.after_rename, store.transaction.middle, store.commit.before, store.commit.after,
// store.callbacks.before, store.checkpoint.before, store.checkpoint.after, store.migration.middle, store.close.before.

namespace assay {

#ifdef ASSAY_FAULTS
void kill_point(const char* name);
#else
inline void kill_point(const char*) {}
#endif

}  // namespace assay
