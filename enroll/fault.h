/* What is wrong with a configuration, in the language of who reads it. */
#ifndef KENMON_DESK_FAULT_H
#define KENMON_DESK_FAULT_H

#include <kenmon/conf.h>
#include <kenmon/texts.h>

/* In English the sentence of the error itself. Returns out, or that. */
const char *desk_fault(const struct km_conf_error *e, enum km_lang lang, char *out, size_t cap);

#endif
