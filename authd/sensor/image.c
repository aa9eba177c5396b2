/*
 * Images that libfprint 1.94 cannot bear. Its search for minutiae writes past its arrays in an
 * image of a few lines, and takes memory without bound in a huge one; and it begins before anybody
 * outside sees the image. But an image is a GObject: what is called when one was constructed stands
 * in its class, and knows its width and height before there is a pixel.
 */
#include <gio/gio.h>
#include <libfprint-2/fprint.h>

#include "sensor.h"

/* Of the readers that libfprint knows, the smallest gives 64 lines or columns, the largest half a
 * million points. */
#define SIDE_LEAST  32u
#define SIDE_MOST   2000u
#define POINTS_MOST 1000000u

static void (*constructed)(GObject *object);
static void (*refuse)(void *arg, unsigned width, unsigned height);
static void *refuse_arg;
static bool seen;

static void on_constructed(GObject *object)
{
	const guint width = fp_image_get_width(FP_IMAGE(object));
	const guint height = fp_image_get_height(FP_IMAGE(object));

	seen = true;
	if (width < SIDE_LEAST || height < SIDE_LEAST || width > SIDE_MOST || height > SIDE_MOST ||
	    width * height > POINTS_MOST)
		refuse(refuse_arg, width, height);
	constructed(object);
}

bool image_guard(void (*take)(void *arg, unsigned width, unsigned height), void *arg)
{
	GObjectClass *class = g_type_class_ref(FP_TYPE_IMAGE);

	if (!class || !class->constructed)
		return false;
	constructed = class->constructed;
	class->constructed = on_constructed;
	refuse = take;
	refuse_arg = arg;
	return true;
}

bool image_seen(void)
{
	const bool was = seen;

	seen = false;
	return was;
}
