/*
 * One job at libfprint: a context of its own, the first reader that gives images, a touch for each
 * image, and everything closed again. libfprint calls back from the main loop; each callback
 * looks first whether the job has ended meanwhile.
 *
 * An image goes no further than on_print(): what leaves it is a list of minutiae.
 */
#include <unistd.h>

#include <gio/gio.h>
#include <libfprint-2/fprint.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/room.h>
#include <kenmon/secret.h>

#include "sensor.h"

struct reader {
	struct sensor *s;
	FpContext *context;
	GPtrArray *devices; /* of the context */
	guint next;         /* the one to be looked at next */
	FpDevice *device;   /* that is being opened, used or closed */
	GPtrArray *gallery; /* empty: nothing is compared here */
	GCancellable *cancel;
	enum km_sensor_event missed; /* why no reader so far was the one */
	bool stopping, lifting;      /* nothing more is wanted; the last image is taken */
	bool printed;                /* an image of this touch is on its way to the matcher */
	bool reopened;               /* it was too hot once */
	unsigned retries;
	int64_t due; /* CLOCK_BOOTTIME, ms */
};

static void enumerate(struct reader *r);
static void next_device(struct reader *r);
static void touch(struct reader *r);

/* --- errors, as events ------------------------------------------------------------ */

static const struct {
	int code; /* FpDeviceRetry */
	enum km_sensor_event event;
} retry_events[] = {
	{ FP_DEVICE_RETRY_GENERAL, KM_SENSOR_AGAIN },
	{ FP_DEVICE_RETRY_TOO_SHORT, KM_SENSOR_TOO_SHORT },
	{ FP_DEVICE_RETRY_CENTER_FINGER, KM_SENSOR_CENTRE },
	{ FP_DEVICE_RETRY_REMOVE_FINGER, KM_SENSOR_LIFT },
};

/* gusb.h, which no package needs that we build with: GUsbDeviceError. */
enum { USB_NO_DEVICE = 4, USB_BUSY = 10 };

static GQuark usb_error_quark(void)
{
	return g_quark_try_string("g-usb-device-error-quark");
}

static const struct {
	GQuark (*domain)(void);
	int code;
	enum km_sensor_event event;
} error_events[] = {
	{ fp_device_error_quark, FP_DEVICE_ERROR_NOT_SUPPORTED, KM_SENSOR_UNSUPPORTED },
	{ fp_device_error_quark, FP_DEVICE_ERROR_BUSY, KM_SENSOR_CLAIMED },
	{ fp_device_error_quark, FP_DEVICE_ERROR_REMOVED, KM_SENSOR_NO_READER },
	{ fp_device_error_quark, FP_DEVICE_ERROR_TOO_HOT, KM_SENSOR_HOT },
	{ usb_error_quark, USB_NO_DEVICE, KM_SENSOR_NO_READER },
	{ usb_error_quark, USB_BUSY, KM_SENSOR_CLAIMED },
	{ g_io_error_quark, G_IO_ERROR_BUSY, KM_SENSOR_CLAIMED },
	{ g_io_error_quark, G_IO_ERROR_ADDRESS_IN_USE, KM_SENSOR_CLAIMED },
};

static enum km_sensor_event retry_event(const GError *error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(retry_events); i++)
		if (retry_events[i].code == error->code)
			return retry_events[i].event;
	return KM_SENSOR_AGAIN;
}

static enum km_sensor_event error_event(const GError *error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(error_events); i++)
		if (error_events[i].code == error->code &&
		    error_events[i].domain() == error->domain)
			return error_events[i].event;
	return KM_SENSOR_FAILED;
}

static void say(const struct reader *r, const char *what, const GError *error)
{
	char name[64], why[256];

	km_log(LOG_WARNING, "%s: %s: %s",
	       km_escape(r->device ? fp_device_get_name(r->device) : "reader", name, sizeof name),
	       what, km_escape(error->message, why, sizeof why));
}

/* --- letting go ---------------------------------------------------------------------- */

static void set_due(struct reader *r, int64_t ms)
{
	r->due = ms == INT64_MAX ? ms : km_boot_ms() + ms;
	job_arm(r->s);
}

static void forget_context(struct reader *r)
{
	g_clear_object(&r->device);
	r->devices = NULL;
	g_clear_object(&r->context);
}

static void finish(struct reader *r)
{
	struct sensor *s = r->s;

	forget_context(r);
	g_clear_object(&r->cancel);
	g_clear_pointer(&r->gallery, g_ptr_array_unref);
	g_free(r);
	job_reader_gone(s);
}

static void on_closed(GObject *source, GAsyncResult *result, gpointer data)
{
	struct reader *r = data;
	g_autoptr(GError) error = NULL;

	if (!fp_device_close_finish(FP_DEVICE(source), result, &error))
		say(r, "not closed", error);
	g_clear_object(&r->device);
	if (r->stopping) {
		finish(r);
		return;
	}
	if (r->reopened)
		enumerate(r); /* it was too hot: a new context counts anew */
	else
		next_device(r);
}

static void close_device(struct reader *r)
{
	if (!r->device || !fp_device_is_open(r->device)) {
		finish(r);
		return;
	}
	set_due(r, SENSOR_STUCK_MS);
	fp_device_close(r->device, NULL, on_closed, r);
}

/* The end, as far as the judge hears; then the device. */
static void end(struct reader *r, enum km_sensor_event event)
{
	job_end(r->s, event, r->device ? fp_device_get_name(r->device) : NULL);
	r->stopping = true;
	close_device(r);
}

/* --- an image --------------------------------------------------------------------------- */

/* The job has ended: nobody waits for the finger to be lifted but the reader, and that not for
 * ever. */
static void await_lift(struct reader *r)
{
	r->lifting = true;
	set_due(r, SENSOR_LIFT_MS);
}

static void take_print(struct reader *r, FpPrint *print)
{
	struct job *j = &r->s->job[0];
	const char *name = fp_device_get_name(r->device);
	struct km_minutiae m;
	guchar *bytes = NULL;
	gsize len = 0;
	km_rc rc = KM_EPROTO;

	if (fp_print_serialize(print, &bytes, &len, NULL))
		rc = extract_minutiae(bytes, len, &m);
	if (bytes)
		km_wipe(bytes, len);
	g_free(bytes);
	if (rc != KM_OK || m.count == 0) {
		km_log(LOG_WARNING, "libfprint gave no minutiae that we can read");
		job_tell(r->s, KM_SENSOR_POOR_IMAGE, name, NULL);
		return;
	}
	rc = probe_send(r->s, j->grant, &m);
	km_wipe(&m, sizeof m);
	if (rc != KM_OK) {
		km_log(LOG_WARNING, "the matcher takes no probe: %s", km_rc_text(rc, KM_LANG_EN));
		job_end(r->s, KM_SENSOR_FAILED, name);
		await_lift(r);
		return;
	}
	r->printed = true;
	j->taken++;
	job_tell(r->s, KM_SENSOR_TAKEN, name, NULL);
	if (j->taken < j->shots)
		return;
	job_end(r->s, KM_SENSOR_DONE, name);
	await_lift(r);
}

static void on_print(FpDevice *device, FpPrint *match, FpPrint *print, gpointer data, GError *error)
{
	struct reader *r = data;

	(void)device;
	(void)match;
	(void)error; /* comes to on_touched too */
	job_tick(
	    r->s); /* a touch after the deadline, though before its timer was looked at, is none */
	if (print && !r->stopping && !r->s->job[0].ended)
		take_print(r, print);
}

static void touch_again(struct reader *r, const GError *error)
{
	enum km_sensor_event event = retry_event(error);

	if (event == KM_SENSOR_AGAIN && image_seen())
		event = KM_SENSOR_POOR_IMAGE;
	job_tell(r->s, event, fp_device_get_name(r->device), NULL);
	if (++r->retries > SENSOR_RETRIES_MOST)
		end(r, KM_SENSOR_FAILED);
	else
		touch(r);
}

static void on_touched(GObject *source, GAsyncResult *result, gpointer data)
{
	struct reader *r = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(FpPrint) match = NULL;
	g_autoptr(FpPrint) print = NULL;

	(void)fp_device_identify_finish(FP_DEVICE(source), result, &match, &print, &error);
	if (r->stopping || r->s->job[0].ended) {
		end(r, KM_SENSOR_STOPPED);
	} else if (error && error->domain == FP_DEVICE_RETRY) {
		touch_again(r, error);
	} else if (error && error_event(error) == KM_SENSOR_HOT && !r->reopened) {
		km_log(LOG_NOTICE, "the reader is warm: opened once more");
		r->reopened = true;
		set_due(r, SENSOR_STUCK_MS);
		fp_device_close(r->device, NULL, on_closed, r);
	} else if (error) {
		say(r, "no image", error);
		end(r, error_event(error));
	} else {
		if (!r->printed && ++r->retries > SENSOR_RETRIES_MOST)
			end(r, KM_SENSOR_FAILED);
		else
			touch(r);
	}
}

static void touch(struct reader *r)
{
	r->printed = false;
	(void)image_seen();
	set_due(r, INT64_MAX); /* a person may take as long as the job has */
	if (r->retries == 0 || r->s->job[0].taken > 0)
		job_tell(r->s, KM_SENSOR_WAITING, fp_device_get_name(r->device), NULL);
	fp_device_identify(r->device, r->gallery, r->cancel, on_print, r, NULL, on_touched, r);
}

/* --- devices ---------------------------------------------------------------------------- */

/* An image can be had of it, and no template lies in its own memory. */
static bool gives_images(FpDevice *device)
{
	FpDeviceFeature f = fp_device_get_features(device);

	return (f & FP_DEVICE_FEATURE_CAPTURE) && (f & FP_DEVICE_FEATURE_IDENTIFY) &&
	       !(f & FP_DEVICE_FEATURE_STORAGE);
}

/* A row of the list: the driver, and READER, or why the reader is of no use. */
static void list_row(struct reader *r, enum km_sensor_event event)
{
	char detail[65];

	g_snprintf(detail, sizeof detail, "%s, %s", fp_device_get_driver(r->device),
		   km_sensor_event_word(event));
	job_tell(r->s, KM_SENSOR_READER, fp_device_get_name(r->device), detail);
}

static void on_opened(GObject *source, GAsyncResult *result, gpointer data)
{
	struct reader *r = data;
	const bool list = r->s->job[0].shots == 0;
	g_autoptr(GError) error = NULL;
	bool opened;

	opened = fp_device_open_finish(FP_DEVICE(source), result, &error);
	if (r->stopping || r->s->job[0].ended) {
		end(r, KM_SENSOR_STOPPED);
	} else if (!opened) {
		say(r, "not opened", error);
		r->missed = error_event(error);
		if (list)
			list_row(r, r->missed);
		next_device(r);
	} else if (list) {
		list_row(r, KM_SENSOR_READER);
		close_device(r);
	} else {
		touch(r);
	}
}

static void next_device(struct reader *r)
{
	const bool list = r->s->job[0].shots == 0;

	while (r->next < r->devices->len) {
		g_set_object(&r->device, g_ptr_array_index(r->devices, r->next++));
		if (gives_images(r->device)) {
			set_due(r, SENSOR_STUCK_MS);
			fp_device_open(r->device, r->cancel, on_opened, r);
			return;
		}
		if (r->missed == KM_SENSOR_NO_READER)
			r->missed = KM_SENSOR_UNSUPPORTED;
		if (list)
			list_row(r, KM_SENSOR_UNSUPPORTED);
	}
	end(r, list ? KM_SENSOR_DONE : r->missed);
}

/* Runs the main loop meanwhile, and with it everything else here. */
static void enumerate(struct reader *r)
{
	forget_context(r);
	set_due(r, SENSOR_STUCK_MS);
	r->context = fp_context_new();
	r->next = 0;
	r->missed = KM_SENSOR_NO_READER;
	fp_context_enumerate(r->context);
	r->devices = fp_context_get_devices(r->context);
	if (r->stopping || r->s->job[0].ended)
		end(r, KM_SENSOR_STOPPED);
	else
		next_device(r);
}

/* --- from the line of jobs ---------------------------------------------------------------- */

void reader_begin(struct sensor *s)
{
	struct reader *r = g_new0(struct reader, 1);

	r->s = s;
	r->due = INT64_MAX;
	r->cancel = g_cancellable_new();
	r->gallery = g_ptr_array_new();
	s->reader = r;
	/* Where nobody would compare it, no finger is asked for. */
	if (s->job[0].shots > 0 && probe_open(s) != KM_OK) {
		km_log(LOG_WARNING, "the matcher does not answer: no image is taken");
		end(r, KM_SENSOR_FAILED);
		return;
	}
	enumerate(r);
}

void reader_stop(struct reader *r)
{
	if (r->stopping)
		return;
	r->stopping = true;
	set_due(r, SENSOR_STUCK_MS);
	g_cancellable_cancel(r->cancel);
}

int64_t reader_due(const struct reader *r)
{
	return r->due;
}

void reader_tick(struct reader *r)
{
	if (r->lifting && !r->stopping) {
		reader_stop(r);
		return;
	}
	/* Its driver will not come back; another process of us will find the reader free. */
	km_log(LOG_ERR, "the reader's driver does not answer: ending");
	_exit(KM_EXIT_FAILED);
}
