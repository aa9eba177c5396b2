/*
 * An act that a second person looks at: what it will do, in words, and a digest of that. Pure.
 * What the approver is shown is made from the message that will be carried out, each time.
 */
#ifndef KENMON_VAULT_ACT_H
#define KENMON_VAULT_ACT_H

#include <stddef.h>
#include <stdint.h>

#include <kenmon/keys.h>
#include <kenmon/wire.h>

#define ACT_TEXT 1401 /* of REQUEST_ROW, with its NUL */

/* "operator-add"; "?" for a message that is no such act. */
const char *act_word(unsigned number);
/*
 * All fields of it, key=value, separated by one space, values percent-escaped. KM_EINVAL: no such
 * act. KM_ELIMIT: it does not fit, and nobody may agree to half of it.
 */
KM_MUST_CHECK km_rc act_text(const struct km_msg *m, char text[ACT_TEXT]);
/* SHA-256 over act, subject (zeros: nobody who is registered) and text. */
KM_MUST_CHECK km_rc act_digest(unsigned number, const uint8_t subject[KM_SUBJECT_BYTES],
			       const char *text, uint8_t digest[32]);

#endif
