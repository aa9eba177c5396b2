/*
 * libfprint's serialised print, as far as we need it. The form is not documented and may change
 * with a version; whatever is not exactly what 1.94 writes of one image is refused.
 *
 *   "FP3", then a little-endian GVariant (issbymsmsia{sv}v): the kind of print first, what it holds
 *   last. Of minutiae, that is (a(aiaiai)): for each image all x, all y, all directions. They are
 * as in minutiae.h: y upwards, degrees in (-180, 180].
 */
#include <string.h>

#include <glib.h>

#include <kenmon/secret.h>

#include "sensor.h"

#define KIND_MINUTIAE 2 /* FPI_PRINT_NBIS */
#define PRINT_MOST    (64 * 1024)

static const char magic[] = { 'F', 'P', '3' };

static bool in_reach(const gint32 *xyt)
{
	return xyt[0] >= -KM_MINUTIA_REACH && xyt[0] <= KM_MINUTIA_REACH &&
	       xyt[1] >= -KM_MINUTIA_REACH && xyt[1] <= KM_MINUTIA_REACH && xyt[2] > -180 &&
	       xyt[2] <= 180;
}

/* image: (aiaiai). Of more than KM_MINUTIAE_MAX the first: libfprint keeps no more than so many. */
static km_rc from_image(GVariant *image, struct km_minutiae *m)
{
	const gint32 *column[3];
	GVariant *array[3];
	gsize count[3];
	km_rc rc = KM_OK;

	for (gsize i = 0; i < 3; i++) {
		array[i] = g_variant_get_child_value(image, i);
		column[i] = g_variant_get_fixed_array(array[i], &count[i], sizeof(gint32));
	}
	if (count[0] != count[1] || count[0] != count[2])
		rc = KM_EPROTO;
	else
		m->count = (uint16_t)(count[0] < KM_MINUTIAE_MAX ? count[0] : KM_MINUTIAE_MAX);
	for (gsize i = 0; rc == KM_OK && i < m->count; i++) {
		const gint32 xyt[3] = { column[0][i], column[1][i], column[2][i] };

		if (in_reach(xyt))
			m->at[i] = (struct km_minutia){ (int16_t)xyt[0], (int16_t)xyt[1],
							(int16_t)xyt[2] };
		else
			rc = KM_EPROTO;
	}
	for (gsize i = 0; i < 3; i++)
		g_variant_unref(array[i]);
	return rc;
}

static km_rc from_print(GVariant *print, struct km_minutiae *m)
{
	g_autoptr(GVariant) kind = g_variant_get_child_value(print, 0);
	g_autoptr(GVariant) boxed =
	    g_variant_get_child_value(print, g_variant_n_children(print) - 1);
	g_autoptr(GVariant) held = g_variant_get_variant(boxed);
	g_autoptr(GVariant) images = NULL;
	g_autoptr(GVariant) image = NULL;

	if (g_variant_get_int32(kind) != KIND_MINUTIAE ||
	    !g_variant_is_of_type(held, G_VARIANT_TYPE("(a(aiaiai))")))
		return KM_EPROTO;
	images = g_variant_get_child_value(held, 0);
	if (g_variant_n_children(images) != 1)
		return KM_EPROTO;
	image = g_variant_get_child_value(images, 0);
	return from_image(image, m);
}

/* The GVariant's own memory: what is made of it later is copied, and wiped when it is freed
 * (free.c). */
static GVariant *load(const uint8_t *bytes, size_t len)
{
	const size_t size = len - sizeof magic;
	g_autoptr(GVariant) native = NULL;
	GVariant *print;
	gpointer aligned = g_malloc(size);

	memcpy(aligned, bytes + sizeof magic, size);
	print = g_variant_new_from_data(G_VARIANT_TYPE("(issbymsmsia{sv}v)"), aligned, size, FALSE,
					g_free, aligned);
	g_variant_ref_sink(print);
	if (G_BYTE_ORDER != G_LITTLE_ENDIAN) {
		native = g_variant_byteswap(print);
		g_variant_unref(print);
		print = g_steal_pointer(&native);
	}
	return print;
}

km_rc extract_minutiae(const uint8_t *bytes, size_t len, struct km_minutiae *m)
{
	GVariant *print;
	km_rc rc = KM_EPROTO;

	memset(m, 0, sizeof *m);
	if (len <= sizeof magic || len > PRINT_MOST || memcmp(bytes, magic, sizeof magic) != 0)
		return KM_EPROTO;
	print = load(bytes, len);
	if (g_variant_is_normal_form(print))
		rc = from_print(print, m);
	g_variant_unref(print);
	if (rc != KM_OK)
		km_wipe(m, sizeof *m);
	return rc;
}
