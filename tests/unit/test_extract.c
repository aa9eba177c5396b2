/* libfprint's serialised print: what is read of it, and that nothing else is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../authd/sensor/sensor.h"

#define KIND     2 /* of prints that are minutiae */
#define PRINT    "(issbymsmsia{sv}v)"
#define MUTANTS  20000
#define LAST_SET 40 /* bytes at the end that are the kind of what is held, and where things lie */

struct print {
	uint8_t *bytes;
	size_t len;
};

static GVariant *image_of(unsigned x_count, unsigned y_count, const gint32 *x, const gint32 *y,
			  const gint32 *theta)
{
	return g_variant_new("(@ai@ai@ai)",
			     g_variant_new_fixed_array(G_VARIANT_TYPE_INT32, x, x_count, 4),
			     g_variant_new_fixed_array(G_VARIANT_TYPE_INT32, y, y_count, 4),
			     g_variant_new_fixed_array(G_VARIANT_TYPE_INT32, theta, x_count, 4));
}

/* As fp_print_serialize() writes it; held: what the print is made of. */
static struct print print_of(gint32 kind, GVariant *held)
{
	GVariantBuilder nothing;
	GVariant *all;
	struct print p;

	g_variant_builder_init(&nothing, G_VARIANT_TYPE("a{sv}"));
	all = g_variant_new(PRINT, kind, "virtual_image", "0", FALSE, 0, NULL, NULL, (gint32)-1,
			    &nothing, held);
	g_variant_ref_sink(all);
	p.len = 3 + g_variant_get_size(all);
	p.bytes = malloc(p.len);
	memcpy(p.bytes, "FP3", 3);
	memcpy(p.bytes + 3, g_variant_get_data(all), p.len - 3);
	g_variant_unref(all);
	return p;
}

static GVariant *images_of(GVariant *const *image, unsigned count)
{
	return g_variant_new("(@a(aiaiai))",
			     g_variant_new_array(G_VARIANT_TYPE("(aiaiai)"), image, count));
}

static struct print print_with(unsigned count)
{
	gint32 *xyt = calloc(3 * (size_t)count + 1, sizeof(gint32));
	GVariant *image;
	struct print p;

	for (unsigned i = 0; i < count; i++) {
		xyt[i] = (gint32)(7 * i);
		xyt[count + i] = 500 - (gint32)i;
		xyt[2 * count + i] = (gint32)(i % 32) * 11 - 176;
	}
	image = image_of(count, count, xyt, xyt + count, xyt + 2 * (size_t)count);
	p = print_of(KIND, images_of(&image, 1));
	free(xyt);
	return p;
}

static km_rc extract(const struct print *p, struct km_minutiae *m)
{
	return extract_minutiae(p->bytes, p->len, m);
}

static void test_every_minutia_is_read_in_order(void **state)
{
	struct print p = print_with(83);
	struct km_minutiae m;

	(void)state;
	assert_int_equal(extract(&p, &m), KM_OK);
	assert_int_equal(m.count, 83);
	for (int i = 0; i < 83; i++) {
		assert_int_equal(m.at[i].x, 7 * i);
		assert_int_equal(m.at[i].y, 500 - i);
		assert_int_equal(m.at[i].theta, i % 32 * 11 - 176);
	}
	free(p.bytes);
}

static void test_of_more_than_there_is_room_for_the_first_are_taken(void **state)
{
	static const unsigned counts[] = { 0, 1, KM_MINUTIAE_MAX, KM_MINUTIAE_MAX + 1, 900 };
	struct km_minutiae m;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct print p = print_with(counts[i]);

		assert_int_equal(extract(&p, &m), KM_OK);
		assert_int_equal(m.count,
				 counts[i] < KM_MINUTIAE_MAX ? counts[i] : KM_MINUTIAE_MAX);
		free(p.bytes);
	}
}

/* Refused, and nothing of it is left in m. */
static void refused(struct print p)
{
	static const struct km_minutiae nothing;
	struct km_minutiae m;

	memset(&m, 0x5A, sizeof(m));
	assert_int_equal(extract(&p, &m), KM_EPROTO);
	assert_memory_equal(&m, &nothing, sizeof(m));
	free(p.bytes);
}

static void test_another_kind_of_print_is_refused(void **state)
{
	static const gint32 one[1] = { 5 };
	GVariant *image[2] = { image_of(1, 1, one, one, one), image_of(1, 1, one, one, one) };

	(void)state;
	refused(print_of(KIND, images_of(image, 2)));
	image[0] = image_of(1, 1, one, one, one);
	refused(print_of(KIND - 1, images_of(image, 1)));
	refused(print_of(KIND, images_of(NULL, 0)));
	refused(print_of(KIND, g_variant_new("s", "raw")));
	refused(print_of(KIND, g_variant_new("(ai)", NULL)));
}

static void test_columns_of_unlike_length_are_refused(void **state)
{
	static const gint32 some[3] = { 5, 6, 7 };
	GVariant *image = image_of(2, 3, some, some, some);

	(void)state;
	refused(print_of(KIND, images_of(&image, 1)));
}

static void test_extreme_numbers_are_refused(void **state)
{
	static const gint32 fine[1] = { 5 };
	static const gint32 far[][1] = { { 8192 }, { -8192 }, { INT32_MAX }, { INT32_MIN } };
	static const gint32 round[][1] = { { 181 }, { -180 }, { 360 }, { INT32_MIN } };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		GVariant *image = image_of(1, 1, far[i], fine, fine);

		refused(print_of(KIND, images_of(&image, 1)));
		image = image_of(1, 1, fine, far[i], fine);
		refused(print_of(KIND, images_of(&image, 1)));
		image = image_of(1, 1, fine, fine, round[i]);
		refused(print_of(KIND, images_of(&image, 1)));
	}
}

/* Whatever is read of it is in the ranges of minutiae.h, or it is refused. */
static void sound(const struct print *p)
{
	struct km_minutiae m;
	uint8_t coded[KM_MINUTIAE_BYTES];
	size_t len;

	if (extract(p, &m) == KM_OK)
		assert_int_equal(km_minutiae_encode(&m, coded, sizeof(coded), &len), KM_OK);
	else
		assert_int_equal(m.count, 0);
}

static void test_a_print_cut_anywhere_is_refused(void **state)
{
	struct print p = print_with(40);
	const size_t len = p.len;

	(void)state;
	for (p.len = 0; p.len < len; p.len++) {
		struct print cut = { malloc(p.len + 1), p.len };
		struct km_minutiae m;

		memcpy(cut.bytes, p.bytes, p.len);
		assert_int_equal(extract(&cut, &m), KM_EPROTO);
		free(cut.bytes);
	}
	free(p.bytes);
}

static void test_a_print_with_any_byte_changed_is_sound_or_refused(void **state)
{
	struct print p = print_with(40);
	uint32_t noise = 2463534242u;

	(void)state;
	for (size_t at = 0; at < p.len; at++) {
		const uint8_t was = p.bytes[at];

		for (unsigned bit = 0; bit < 8; bit++) {
			p.bytes[at] = (uint8_t)(was ^ (1u << bit));
			sound(&p);
		}
		p.bytes[at] = was;
	}
	for (unsigned i = 0; i < MUTANTS; i++) {
		struct print other = { malloc(p.len), p.len };

		memcpy(other.bytes, p.bytes, p.len);
		for (unsigned k = 0; k < 1 + i % 6; k++) {
			noise = noise * 1664525u + 1013904223u;
			other.bytes[i % 2 ? noise % p.len : p.len - 1 - noise % LAST_SET] =
			    (uint8_t)(noise >> 24);
		}
		sound(&other);
		free(other.bytes);
	}
	free(p.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_minutia_is_read_in_order),
		cmocka_unit_test(test_of_more_than_there_is_room_for_the_first_are_taken),
		cmocka_unit_test(test_another_kind_of_print_is_refused),
		cmocka_unit_test(test_columns_of_unlike_length_are_refused),
		cmocka_unit_test(test_extreme_numbers_are_refused),
		cmocka_unit_test(test_a_print_cut_anywhere_is_refused),
		cmocka_unit_test(test_a_print_with_any_byte_changed_is_sound_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
