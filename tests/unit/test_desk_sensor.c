/* Readers and enrolled fingers in the desk's listings. */
#include <sys/stat.h>

#include <kenmon/finger.h>

#include "desk_scene.h"

#include "../../enroll/commands.h"

#define READER       "Virtual image device"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct msg_reader_row readers[] = {
	{ KM_SENSOR_READER, "UareU 4500", "uru4000, reader" },
	{ KM_SENSOR_READER, "Prometheus", "synaptics, matches-on-chip" },
	{ KM_SENSOR_READER, "Old one", "upektc_img, broken-in-some-new-way" },
	{ KM_SENSOR_READER, "A liar", "virtual_image, waiting" },
	{ KM_SENSOR_READER, "Another", "virtual_image, done" },
	{ KM_SENSOR_DONE, "", "" },
	{ 0 },
};

static void put_process(const char *root, const char *pid, const char *comm, const char *node)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc", root);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/proc/%s", root, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/proc/%s/comm", root, pid);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%s\n", comm);
	fclose(f);
	snprintf(path, sizeof(path), "%s/proc/%s/fd", root, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/proc/%s/fd/9", root, pid);
	assert_int_equal(symlink(node, path), 0);
}

static void take_process(const char *root, const char *pid)
{
	static const char *const parts[] = { "/fd/9", "/fd", "/comm", "" };
	char path[256];

	for (size_t i = 0; i < COUNT(parts); i++) {
		snprintf(path, sizeof(path), "%s/proc/%s%s", root, pid, parts[i]);
		assert_int_equal(remove(path), 0);
	}
}

static void test_a_reader_is_listed_with_what_it_is_good_for(void **state)
{
	struct play p = { .readers = readers };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	s.desk.root = "/nonexistent";
	assert_int_equal(KENMON(&s, W("sensor"), W("list")), 0);
	assert_says(s.out, "READER      DRIVER         STATE\n"
			   "UareU 4500  uru4000        can be used\n"
			   "Prometheus  synaptics      This ");
	assert_says(s.out, "keeps templates inside itself");
	assert_says(s.out, "Old one     upektc_img     The fingerprint reader cannot be used");
	end(&s);
	begin(&s, &p, "");
	s.desk.root = "/nonexistent";
	assert_int_equal(KENMON(&s, W("sensor"), W("list"), W("--json")), 0);
	assert_string_equal(
	    s.out, "[{\"reader\":\"UareU 4500\",\"usable\":true,\"state\":\"reader\","
		   "\"driver\":\"uru4000\",\"device\":null,\"held_by\":[]},"
		   "{\"reader\":\"Prometheus\",\"usable\":false,\"state\":\"matches-on-chip\","
		   "\"driver\":\"synaptics\",\"device\":null,\"held_by\":[]},"
		   "{\"reader\":\"Old one\",\"usable\":false,\"state\":\"failed\","
		   "\"driver\":\"upektc_img\",\"device\":null,\"held_by\":[]},"
		   "{\"reader\":\"A liar\",\"usable\":false,\"state\":\"failed\","
		   "\"driver\":\"virtual_image\",\"device\":null,\"held_by\":[]},"
		   "{\"reader\":\"Another\",\"usable\":false,\"state\":\"failed\","
		   "\"driver\":\"virtual_image\",\"device\":null,\"held_by\":[]}]\n");
	end(&s);
}

/* By the links under /proc. */
static void test_whoever_holds_a_node_is_found_and_our_own_sensor_is_not_named(void **state)
{
	char root[] = "/tmp/kenmon-test-XXXXXX", path[64];
	struct desk_holders found;
	struct desk d;

	(void)state;
	assert_non_null(mkdtemp(root));
	desk_init(&d);
	d.root = root;
	put_process(root, "812", "fprintd", "/dev/bus/usb/001/004");
	put_process(root, "90", "gdm", "/dev/bus/usb/001/044");
	put_process(root, "91", "kenmon-sensor", "/dev/bus/usb/001/004");
	desk_find_holders(&d, "/dev/bus/usb/001/004", &found);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.holder[0].pid, 812);
	assert_string_equal(found.holder[0].comm, "fprintd");
	assert_true(desk_fprintd_runs(&d));
	desk_find_holders(&d, "/dev/bus/usb/001/00", &found);
	assert_int_equal(found.count, 0);
	take_process(root, "812");
	take_process(root, "90");
	take_process(root, "91");
	assert_false(desk_fprintd_runs(&d));
	snprintf(path, sizeof(path), "%s/proc", root);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(root), 0);
}

static void test_nodes_of_readers_are_those_of_the_sensors_group(void **state)
{
	static const char *const parts[] = { "/dev",
					     "/dev/bus",
					     "/dev/bus/usb",
					     "/dev/bus/usb/001",
					     "/dev/bus/usb/02",
					     "/dev/bus/usb/001/004",
					     "/dev/bus/usb/001/4" };
	char root[] = "/tmp/kenmon-test-XXXXXX", path[64];
	struct desk_nodes found;
	struct desk d;
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(root));
	desk_init(&d);
	d.root = root;
	for (i = 0; i < COUNT(parts); i++) {
		snprintf(path, sizeof(path), "%s%s", root, parts[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	desk_find_nodes(&d, getegid(), &found);
	assert_int_equal(found.count, 1);
	assert_string_equal(found.node[0], "/dev/bus/usb/001/004");
	desk_find_nodes(&d, getegid() + 1, &found);
	assert_int_equal(found.count, 0);
	while (i-- > 0) {
		snprintf(path, sizeof(path), "%s%s", root, parts[i]);
		assert_int_equal(rmdir(path), 0);
	}
	assert_int_equal(rmdir(root), 0);
}

static void test_no_reader_is_said_with_what_to_look_at_and_is_exit_code_one(void **state)
{
	static const struct msg_reader_row none[] = { { KM_SENSOR_NO_READER, "", "" }, { 0 } };
	static const struct msg_reader_row useless[] = {
		{ KM_SENSOR_UNSUPPORTED, "Goodix MOC", "goodixmoc" }, { 0 }
	};
	struct play p = { .readers = none };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	s.desk.root = "/nonexistent";
	assert_int_equal(KENMON(&s, W("sensor"), W("list")), 1);
	assert_string_equal(s.out, "");
	assert_says(s.err, "There is no fingerprint reader.");
	assert_says(s.err, "lsusb");
	assert_says(s.err, "udev");
	end(&s);
	begin(&s, &p, "");
	s.desk.root = "/nonexistent";
	assert_int_equal(KENMON(&s, W("sensor"), W("list"), W("--json")), 1);
	assert_string_equal(s.out, "[]\n");
	end(&s);
	p.readers = useless;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sensor"), W("list")), 1);
	assert_says(s.err, "No reader can be used.");
	end(&s);
}

/* --- credentials ------------------------------------------------------------------ */

static void test_a_list_that_waits_behind_a_capture_says_so(void **state)
{
	static const struct msg_reader_row none[] = { { 0 } };
	struct play p = { .readers = none,
			  .rc = KM_ETIMEOUT,
			  .text = "readers were not listed in time" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sensor"), W("list")), 69);
	assert_says(s.err, "one may be in use for a login or an enrolment; try again");
	assert_string_equal(s.out, "");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("sensor"), W("list")), 69);
	assert_says(s.err, "使用中の可能性があります");
	assert_null(strstr(s.err, "in time"));
	end(&s);
}

static void test_a_finger_in_a_listing_has_its_name_and_its_reader(void **state)
{
	static const struct msg_credential_row rows[] = { { .id = 7,
							    .factor = KM_FACTOR_FINGERPRINT,
							    .label = "left-thumb",
							    .reader = READER,
							    .created = 1775001600,
							    .fails = 6,
							    .wait = 12 },
							  { 0 } };
	struct play p = { .credentials = rows };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("credential"), W("list"), W("sato")), 0);
	assert_says(s.out, "fingerprint");
	assert_says(s.out, "left thumb, " READER);
	assert_says(s.out, "locked for 12 s");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("credential"), W("list"), W("sato"), W("--json")), 0);
	assert_says(s.out, "\"finger\":\"left-thumb\",\"reader\":\"" READER "\"");
	assert_says(s.out, "\"failures\":6,\"disabled\":false,\"wait\":12");
	assert_null(strstr(s.out, "digits"));
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reader_is_listed_with_what_it_is_good_for),
		cmocka_unit_test(
		    test_whoever_holds_a_node_is_found_and_our_own_sensor_is_not_named),
		cmocka_unit_test(test_nodes_of_readers_are_those_of_the_sensors_group),
		cmocka_unit_test(test_no_reader_is_said_with_what_to_look_at_and_is_exit_code_one),
		cmocka_unit_test(test_a_list_that_waits_behind_a_capture_says_so),
		cmocka_unit_test(test_a_finger_in_a_listing_has_its_name_and_its_reader),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
