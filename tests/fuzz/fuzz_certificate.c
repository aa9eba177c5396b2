/*
 * Files of certificates: what reads is, to the byte, what is written again; and nothing holds but
 * what a vault signed, so a mutation of one that does is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "../../enroll/certificate.h"
#include "fuzz.h"

/* Of a vault whose keys are gone, up to its items and on from them. */
#define HEAD                                                                                       \
	"{\"format\":\"kenmon certificate 1\",\n"                                                  \
	"\"method\":\"cryptographic erase, NIST SP 800-88 Rev. 1\",\n"                             \
	"\"chain\":\"9643dbb049d8810d2c267dae5ac1e42b\",\n"                                        \
	"\"subject\":\"63352210cee860d4cb12a4559cda33b5\",\n"                                      \
	"\"cause\":\"by-hand\",\n"                                                                 \
	"\"decided-by\":null,\n"                                                                   \
	"\"approved-by\":null,\n"                                                                  \
	"\"unusable-since\":\"2026-11-26T01:52:21Z\",\n"                                           \
	"\"finished\":\"2026-11-26T01:52:21Z\",\n"                                                 \
	"\"key-epoch\":1,\n"                                                                       \
	"\"key-epoch-closed\":null,\n"                                                             \
	"\"key-bundles-destroyed\":false,\n"                                                       \
	"\"audit-record\":5,\n"                                                                    \
	"\"audit-hash\":\"315e68b16b42629ef498761382bac6ad35df9e6a76216e50137e185f55f53"           \
	"7d9\""

/* Since then, in each. */
#define NOT_COVERED                                                                                \
	",\n\"not-covered\":[\n"                                                                   \
	"\"what was printed: lists, recovery codes on paper\",\n"                                  \
	"\"what another system wrote down by itself, such as a gateway's logs\",\n"                \
	"\"what was destroyed before, by a withdrawal of consent or a removal\",\n"                \
	"\"key bundles held elsewhere\",\n"                                                        \
	"\"copies of the databases from before, until the key epoch is closed\"]"

#define TAIL                                                                                       \
	",\n"                                                                                      \
	"\"items\":[\n"                                                                            \
	"{\"kind\":\"person\",\"id\":0,\"created\":\"2026-11-26T01:52:20Z\"},\n"                   \
	"{\"kind\":\"hotp\",\"id\":1,\"created\":\"2026-11-26T01:52:20Z\"}],\n"                    \
	"\"signed-at\":\"2026-11-26T01:52:21Z\",\n"                                                \
	"\"signer\":1,\n"                                                                          \
	"\"signature\":\"6152b12597b6c4e4723e2d4c5932c0d6fac6bcf5ad2015b0002b86c41f38ef"           \
	"c17c66446e7b4ea061fe62eadc60c50a46ed9be1d165c8d787eb4506466419050c\",\n"                  \
	"\"signers\":[\n"                                                                          \
	"{\"generation\":1,\"public\":\"6b23289ca8fc9acdbb008bed2fa087ee6ac13380d7d4879"           \
	"85031eab1ac7c3027\",\"since\":0,\"since-hash\":\"86238803faceb61951462dfafa948"           \
	"ccc0605e3ee56610f2c0061d22b7460d3f6\",\"signature\":\"def957c121d877aa7ef57c9e"           \
	"659d45edb1fcc365669bc4a78d2ac872ec8604690aca0dfb9add4cfdda8fc5467df98edb587241"           \
	"69324ac72e8e33e38e18575601\"}]}\n"

static const char older[] = HEAD TAIL, good[] = HEAD NOT_COVERED TAIL;

const struct fuzz_seed fuzz_seeds[] = {
	SEED_TEXT("older", HEAD TAIL),
	SEED_TEXT("good", HEAD NOT_COVERED TAIL),
	SEED_TEXT("begun",
		  "{\"format\":\"kenmon certificate 1\",\n\"method\":\"cryptographic erase"),
	SEED_TEXT("empty", "{}"),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "\"not-covered\":[",
				   "null",
				   "true",
				   "false",
				   "\"retired\"",
				   "\"person\"",
				   "\"damaged\"",
				   "\"kind\":",
				   "\"items\":[",
				   "\"signers\":[",
				   "\"2026-11-26T01:00:00Z\"",
				   "4294967298",
				   NULL };

void fuzz_begin(void)
{
}

static bool holds(const struct certificate *c)
{
	return certificate_verify(c, NULL).fault == CERTIFICATE_HOLDS;
}

static void check_again(const struct certificate *c, const uint8_t *data, size_t size)
{
	size_t len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	fuzz_check(f, "no memory");
	certificate_write(c, f);
	fuzz_check(fclose(f) == 0, "no memory");
	fuzz_check(len == size && memcmp(text, data, size) == 0, "it is written otherwise");
	free(text);
}

static bool is(const uint8_t *data, size_t size, const char *text, size_t len)
{
	return size == len && memcmp(data, text, len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certificate c CERTIFICATE = { .row.epoch = 0 };
	char *text = malloc(size ? size : 1); /* so that a byte too far is seen */
	bool is_good =
	    is(data, size, good, sizeof(good) - 1) || is(data, size, older, sizeof(older) - 1);
	bool read;

	fuzz_check(text, "no memory");
	memcpy(text, data, size);
	read = certificate_read(text, size, &c) == KM_OK;
	free(text);
	if (read)
		check_again(&c, data, size);
	fuzz_check((read && holds(&c)) == is_good,
		   is_good ? "the good one does not hold" : "another one holds");
	return 0;
}
