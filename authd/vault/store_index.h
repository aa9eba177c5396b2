/*
 * Which records of the trail are about whom (table audit_of). Part of the store. A record is
 * written without it, so that a login costs one page less. The table is filled later, up to a
 * position that is committed with it. Listings read the records after the position one by one.
 *
 * It is authenticated by nothing, as no index is. Whoever changes it, or the position, has lines
 * missing from the listing of one person; no listing of the whole trail, and no verification,
 * looks at it, and a record is shown as it stands in the trail itself.
 */
#ifndef KENMON_VAULT_STORE_INDEX_H
#define KENMON_VAULT_STORE_INDEX_H

#include <kenmon/store.h>

/* So many records come after the position. */
uint64_t store_audit_unindexed(const struct km_store *);
/* Takes up to most of them in, in one operation. Where there are none nothing is written. */
KM_MUST_CHECK km_rc store_audit_index(struct km_store *, uint32_t most);

#endif
