/*
 * Tables of version 4 of vault.db: the code that was sent last to an operator, and how much was
 * sent. docs/STORAGE.md describes every column.
 */
#include "store_internal.h"

const char store_schema_phone[] =
    "CREATE TABLE challenge ("
    " subject BLOB PRIMARY KEY NOT NULL, credential INTEGER NOT NULL, ord INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, code BLOB NOT NULL, session BLOB NOT NULL, boot BLOB NOT NULL,"
    " until_ms INTEGER NOT NULL, mac BLOB NOT NULL) STRICT;"
    "CREATE TABLE budget ("
    " tag BLOB PRIMARY KEY NOT NULL, hour INTEGER NOT NULL, in_hour INTEGER NOT NULL,"
    " day INTEGER NOT NULL, in_day INTEGER NOT NULL, won_day INTEGER NOT NULL,"
    " mac BLOB NOT NULL) STRICT;"
    "CREATE INDEX budget_day ON budget (day);";
