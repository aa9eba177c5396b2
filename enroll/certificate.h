/*
 * A certificate of what was destroyed, with the signers' chain: as a file that
 * can be checked without a vault, and as one page for people.
 */
#ifndef KENMON_DESK_CERTIFICATE_H
#define KENMON_DESK_CERTIFICATE_H

#include <kenmon/certificate.h>

#include "desk.h"

#define CERTIFICATE_METHOD "cryptographic erase, NIST SP 800-88 Rev. 1"
#define CERTIFICATE_MAX    (16u << 20) /* bytes of a file: 330 for each key epoch there was */

/* Of an item, as CREDENTIAL's factor; 0 is the person. */
#define CERTIFICATE_DAMAGED 255 /* a credential whose row something else had changed */

struct certificate {
	struct msg_certificate_row row;
	struct msg_certificate_item item[KM_CERTIFICATE_ITEMS];
	struct msg_signer_row *signer; /* from the first, in order */
	size_t signers, cap;
	bool older; /* its file does not say what it does not cover */
};
void certificate_free(struct certificate *c);
#define CERTIFICATE __attribute__((cleanup(certificate_free)))

KM_MUST_CHECK km_rc certificate_add_signer(struct certificate *c, const struct msg_signer_row *s);

/* --- certificate_file.c: JSON of one form, so that no byte of it can be another ---------- */

void certificate_write(const struct certificate *c, FILE *f);
/*
 * KM_EINVAL: not what certificate_write() writes, to the byte. out, from zeros, is to be freed in
 * any case.
 */
KM_MUST_CHECK km_rc certificate_read(const char *text, size_t len, struct certificate *out);
const char *certificate_kind(unsigned kind); /* "person", a factor's word, "damaged"; "?" */

/* --- certificate_verify.c ----------------------------------------------------------------- */

enum certificate_fault {
	CERTIFICATE_HOLDS = 0, /* nothing but this says that it does */
	CERTIFICATE_UNSIGNED,
	CERTIFICATE_NO_FIRST, /* no signer, or the first is not signed by itself */
	CERTIFICATE_CHAIN,    /* a signer is not signed by the one before it */
	CERTIFICATE_OTHER,    /* not signed by the last of them, or for another generation */
	CERTIFICATE_KEY,      /* the first is not the key that was given */
	CERTIFICATE_MEMORY,   /* it could not be checked */
	CERTIFICATE_UNCHECKED,
};
struct certificate_finding {
	enum certificate_fault fault;
	uint32_t generation; /* CERTIFICATE_CHAIN: of that signer */
	size_t first;        /* the signer from which the chain leads to the certificate */
};
/* Against the first signer's key where one is given (may be NULL). */
struct certificate_finding certificate_verify(const struct certificate *c, const uint8_t *key);

/* --- certificate_page.c: one page ------------------------------------------------------------ */

void certificate_page(const struct desk *d, const struct certificate *c, bool html);
/* Of it, as text: what the certificate does not cover. */
void certificate_limits(const struct desk *d, const struct msg_certificate_row *r);

#endif
