/*
 * The environment, which libfprint, GLib and libusb read as they please: nothing of it stays but
 * what is set here, and the addresses of virtual readers where the configuration allows them.
 */
#include <stdlib.h>
#include <string.h>

#include "sensor.h"

/* libfprint's; each names a socket at which a program plays a reader. */
const char *const sensor_virtual_names[SENSOR_VIRTUAL_NAMES] = { "FP_VIRTUAL_IMAGE",
								 "FP_VIRTUAL_DEVICE",
								 "FP_VIRTUAL_DEVICE_STORAGE" };

static const struct {
	const char *name, *value;
} ours[] = {
	{ "GIO_USE_VFS", "local" }, /* GLib loads no module, and asks no bus */
	{ "GIO_USE_VOLUME_MONITOR", "unix" }, { "GIO_MODULE_DIR", "/nonexistent" },
	{ "GSETTINGS_BACKEND", "memory" },    { "DBUS_SESSION_BUS_ADDRESS", "disabled:" },
	{ "HOME", "/nonexistent" },
};

/* The service manager's, which are not libraries' business, and which km_room_ready still needs. */
static const char *const kept[] = { "NOTIFY_SOCKET" };
#define KEPT (sizeof kept / sizeof kept[0])

static bool keep(const char *name, char **copy)
{
	const char *value = getenv(name);

	*copy = value ? strdup(value) : NULL;
	return !value || *copy;
}

static bool put_back(const char *name, char *copy)
{
	bool good = !copy || setenv(name, copy, 1) == 0;

	free(copy);
	return good;
}

bool environment_clean(bool allow_virtual)
{
	char *value[SENSOR_VIRTUAL_NAMES] = { NULL }, *other[KEPT] = { NULL };
	bool good = true, virtual = false;

	for (size_t i = 0; allow_virtual && i < SENSOR_VIRTUAL_NAMES; i++) {
		good = keep(sensor_virtual_names[i], &value[i]) && good;
		virtual = virtual || value[i];
	}
	for (size_t i = 0; i < KEPT; i++)
		good = keep(kept[i], &other[i]) && good;
	good = clearenv() == 0 && good;
	for (size_t i = 0; i < SENSOR_VIRTUAL_NAMES; i++)
		good = put_back(sensor_virtual_names[i], value[i]) && good;
	for (size_t i = 0; i < KEPT; i++)
		good = put_back(kept[i], other[i]) && good;
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		good = setenv(ours[i].name, ours[i].value, 1) == 0 && good;
	/* Who plays a reader wants to be the one that is touched. */
	if (virtual)
		good = setenv("FP_DRIVERS_WHITELIST",
			      "virtual_image:virtual_device:virtual_device_storage", 1) == 0 &&
		       good;
	return good;
}
