/*
 * The verdict: its own type, so that no int, no errno and no boolean becomes
 * one by accident. All zero bytes mean DENY.
 */
#ifndef KENMON_VERDICT_H
#define KENMON_VERDICT_H

#include <stdint.h>

#include <kenmon/texts.h>

enum km_verdict_code {
#define KM_VERDICT(name, byte, auth, acct, meaning) KM_VERDICT_##name = (byte),
#include <kenmon/verdict.def>
#undef KM_VERDICT
};

enum km_reason {
#define KM_REASON(name, byte, text, word, ja) KM_REASON_##name = (byte),
#include <kenmon/reason.def>
#undef KM_REASON
};

struct km_verdict {
	enum km_verdict_code code;
	enum km_reason reason;
	uint32_t wait; /* seconds until a next try would be judged; 0: at once, or never */
};

/* The word of a reason in the audit trail; "?" for a byte that is none. */
const char *km_reason_word(unsigned byte);

/* The text id shown at the door; KM_TEXT_UNAVAILABLE for a byte that is none. */
enum km_text km_reason_text(unsigned byte);

/* The name of a verdict ("ALLOW"); "?" for a byte that is none. */
const char *km_verdict_name(unsigned byte);

#endif
