# kenmon: two-factor login for workstations that open personal records.
#
#   make             builds everything into build/
#   sudo make try    the tour, three minutes on a throw-away state folder
#   sudo make check  installs what is missing, builds, runs every test
#                    (T=wire: only test files whose name holds "wire")
#   make check-long  the same and the tests that take long
#   make bench       figures, as ratios in one run
#   make bench-recognition DIR=FOLDER  how well fingers are told apart
#   make power       a thousand power cuts on each file system (root)
#   make measure     sizes of files and functions
#   make lint        clang-format, clang-tidy, cppcheck
#   make install     into PREFIX and SYSCONFDIR, under DESTDIR
#
#   make fuzz        the fuzzers, FUZZ_TIME seconds each (60)
#   make coverage    lines that the tests reach, by room
#   make memcheck    unit tests and a login under valgrind
#
# V=1 shows commands. SAN=1 builds into build/san with ASan and UBSan.

PREFIX      ?= /usr
SYSCONFDIR  ?= /etc
LIBEXECDIR  ?= $(PREFIX)/libexec/kenmon
SECURITYDIR ?= $(PREFIX)/lib/$(shell gcc -print-multiarch 2>/dev/null)/security
BUILD       ?= build$(if $(SAN),/san)
VERSION     := 0.1

CC       ?= cc
WARN     := -Wall -Wextra -Werror -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes \
            -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wswitch-enum \
            -Wno-missing-field-initializers
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fcf-protection $(if $(findstring clang,$(CC)),,-ftrivial-auto-var-init=zero)
# Coverage. %c: the counters live in the file, so that a room that is killed has counted all the same;
# %m: one file for each program, however often it runs. Compiled in: rooms get no environment.
COVFLAGS := -DKM_COVERAGE -fprofile-instr-generate=$(CURDIR)/$(BUILD)/profiles/%c%m.profraw \
            -fcoverage-mapping
SANFLAGS := $(if $(SAN)$(FUZZ),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all -fno-omit-frame-pointer) \
            $(if $(FUZZ),-fsanitize=fuzzer-no-link) $(if $(COVERAGE),$(COVFLAGS))
OPT      ?= $(if $(SAN)$(FUZZ)$(COVERAGE),-O1 -g,-O2 -g -D_FORTIFY_SOURCE=2)
CPPFLAGS := -Iinclude -D_GNU_SOURCE -DKM_VERSION='"$(VERSION)"' -DKM_LIBEXECDIR='"$(LIBEXECDIR)"'
CFLAGS   := -std=gnu11 $(OPT) -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections $(WARN) $(HARDEN) $(SANFLAGS) $(EXTRA_CFLAGS) \
            $(if $(COVERAGE),-mllvm -runtime-counter-relocation)
LDFLAGS  := $(SANFLAGS) -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(EXTRA_LDFLAGS)
Q        := $(if $(V),,@)

# --- what each room is made of, and what it may link ---------------------------------------------

COMMON_SRC := $(wildcard common/*.c)
DOOR_SRC   := $(wildcard pam_module/*.c)
JUDGE_SRC  := $(wildcard authd/*.c authd/factors/*.c)
VAULT_SRC  := $(wildcard authd/vault/*.c)
SENSOR_SRC := $(wildcard authd/sensor/*.c)
MATCHER_SRC := $(wildcard authd/matcher/*.c)
COURIER_SRC := $(wildcard authd/courier/*.c)
DESK_SRC   := $(wildcard enroll/*.c)

DOOR_LIBS  := -lpam
JUDGE_LIBS := -lsystemd -linih
VAULT_LIBS := -lsqlite3 -lcrypto -loath -linih
COURIER_LIBS := -lsystemd -linih -lcurl -lcares -lre -lssl -lcrypto
DESK_LIBS  := -lqrencode -linih -lcsv -lcrypto -lsystemd
SENSOR_LIBS = $(shell pkg-config --libs libfprint-2) -linih

# Tests that see the inside of the sensor; no other is linked with GLib.
SENSOR_TESTS := tests/unit/test_extract.c tests/system/test_sensor_walls.c

# What a program does not call is not in it: tests/static/links.sh looks at what it could call.
LDFLAGS_ROOM := $(if $(SAN),,-Wl,--gc-sections)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PROGRAMS := $(BUILD)/pam_kenmon.so $(BUILD)/kenmon-authd $(BUILD)/kenmon-vault $(BUILD)/kenmon \
            $(BUILD)/kenmon-sensor $(BUILD)/kenmon-matcher $(BUILD)/kenmon-courier

all: $(PROGRAMS) prompts

# What calls say, read aloud. A build for sanitizers takes the same.
PROMPTS := $(patsubst %,build/prompts/%/.made,en ja)
prompts: $(PROMPTS)
build/prompts/%/.made: authd/courier/prompts/%.txt authd/courier/prompts/make-prompts
	@echo "  SAY  $<"
	$(Q)authd/courier/prompts/make-prompts $* build/prompts && touch $@

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(if $(V),,echo "  CC   $<";) $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# libfprint's headers bring GLib's. A score is the same on every machine: no fused operations.
FPRINT_FLAGS = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags libfprint-2))
$(call obj,$(SENSOR_SRC) $(SENSOR_TESTS)): CPPFLAGS += $(FPRINT_FLAGS)
$(call obj,$(MATCHER_SRC)): CFLAGS += -ffp-contract=off -fno-math-errno

# libre's headers are not ours; they want to know what this system has.
RE_FLAGS := -isystem /usr/include/re
RE_TESTS := $(addprefix tests/,unit/test_voice_script.c unit/test_voice_tls.c fuzz/fuzz_voice.c)
$(call obj,$(wildcard authd/courier/sip_*.c) $(RE_TESTS)): CPPFLAGS += $(RE_FLAGS)

$(BUILD)/libcommon.a: $(call obj,$(COMMON_SRC))
$(BUILD)/libdoor.a:   $(call obj,$(DOOR_SRC))
$(BUILD)/libjudge.a:  $(call obj,$(filter-out authd/main.c,$(JUDGE_SRC)))
$(BUILD)/libvault.a:  $(call obj,$(filter-out authd/vault/main.c,$(VAULT_SRC)))
$(BUILD)/libsensor.a: $(call obj,$(filter-out authd/sensor/main.c,$(SENSOR_SRC)))
$(BUILD)/libmatcher.a: $(call obj,$(filter-out authd/matcher/main.c,$(MATCHER_SRC)))
$(BUILD)/libcourier.a: $(call obj,$(filter-out authd/courier/main.c,$(COURIER_SRC)))
$(BUILD)/libdesk.a:   $(call obj,$(filter-out enroll/main.c,$(DESK_SRC)))
$(BUILD)/lib%.a:
	$(Q)rm -f $@; ar rcsD $@ $^

# The door stays loaded where it was loaded once: docs/decisions/0026.
$(BUILD)/pam_kenmon.so: $(call obj,$(DOOR_SRC)) $(BUILD)/libcommon.a pam_module/exports.map
	@echo "  LD   $@"
	$(Q)$(CC) -shared -Wl,-z,nodelete $(LDFLAGS) $(LDFLAGS_ROOM) -Wl,--version-script=pam_module/exports.map $(if $(SAN),,-Wl,--no-undefined) \
	    -o $@ $(filter %.o %.a,$^) $(DOOR_LIBS)

$(BUILD)/kenmon-authd: $(BUILD)/obj/authd/main.o $(BUILD)/libjudge.a $(BUILD)/libcommon.a
	@echo "  LD   $@"
	$(Q)$(CC) -pie $(LDFLAGS) $(LDFLAGS_ROOM) -o $@ $^ $(JUDGE_LIBS)

$(BUILD)/kenmon-vault: $(BUILD)/obj/authd/vault/main.o $(BUILD)/libvault.a $(BUILD)/libcommon.a
	@echo "  LD   $@"
	$(Q)$(CC) -pie $(LDFLAGS) $(LDFLAGS_ROOM) -o $@ $^ $(VAULT_LIBS)

$(BUILD)/kenmon: $(BUILD)/obj/enroll/main.o $(BUILD)/libdesk.a $(BUILD)/libcommon.a
	@echo "  LD   $@"
	$(Q)$(CC) -pie $(LDFLAGS) $(LDFLAGS_ROOM) -o $@ $^ $(DESK_LIBS)

$(BUILD)/kenmon-sensor: $(BUILD)/obj/authd/sensor/main.o $(BUILD)/libsensor.a $(BUILD)/libcommon.a
	@echo "  LD   $@"
	$(Q)$(CC) -pie $(LDFLAGS) $(LDFLAGS_ROOM) -o $@ $^ $(SENSOR_LIBS)

$(BUILD)/kenmon-matcher: $(BUILD)/obj/authd/matcher/main.o $(BUILD)/libmatcher.a $(BUILD)/libcommon.a
	@echo "  LD   $@"
	$(Q)$(CC) -pie $(LDFLAGS) $(LDFLAGS_ROOM) -o $@ $^

$(BUILD)/kenmon-courier: $(BUILD)/obj/authd/courier/main.o $(BUILD)/libcourier.a $(BUILD)/libcommon.a
	@echo "  LD   $@"
	$(Q)$(CC) -pie $(LDFLAGS) $(LDFLAGS_ROOM) -o $@ $^ $(COURIER_LIBS)

# --- test programs -------------------------------------------------------------------------------

tests_in  = $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/$(1)/test_*.c))
ROOM_LIBS := $(BUILD)/libdoor.a $(BUILD)/libjudge.a $(BUILD)/libvault.a $(BUILD)/libmatcher.a \
             $(BUILD)/libcourier.a $(BUILD)/libdesk.a $(BUILD)/libcommon.a
SYNTH     := $(call obj,tests/synth/finger.c tests/synth/feed.c tests/synth/staff.c)
SCANNER   := $(call obj,tests/synth/scanner.c)
HOUSE     := $(call obj,$(wildcard tests/system/house*.c)) $(SYNTH)
TEST_LIBS  = -lcmocka $(DOOR_LIBS) $(JUDGE_LIBS) $(VAULT_LIBS) $(DESK_LIBS) $(COURIER_LIBS) -lm

# Calls of the libraries that fail when a test wants (tests/fault): with -rdynamic the libraries, too,
# take these for their own. The door's tests have libc's only.
FAULT_LIBC := $(call obj,$(filter-out tests/fault/vault.c,$(wildcard tests/fault/*.c)))
FAULT      := $(call obj,$(wildcard tests/fault/*.c))

unit-tests: $(call tests_in,unit)
tests: unit-tests $(call tests_in,system)

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(ROOM_LIBS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(ROOM_LIBS) $(TEST_LIBS)

$(BUILD)/tests/unit/test_extract: $(call obj,authd/sensor/extract.c)
$(BUILD)/tests/unit/test_extract: TEST_LIBS += -lglib-2.0

$(BUILD)/tests/unit/test_calls_%: $(BUILD)/obj/tests/unit/test_calls_%.o $(FAULT) $(ROOM_LIBS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -rdynamic -o $@ $(filter %.o,$^) $(ROOM_LIBS) $(TEST_LIBS) -ldl

$(BUILD)/tests/system/%: $(BUILD)/obj/tests/system/%.o $(HOUSE) $(ROOM_LIBS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(ROOM_LIBS) $(TEST_LIBS)

$(BUILD)/tests/system/test_sensor_walls: $(call obj,authd/sensor/walls.c authd/sensor/environment.c)

# liboath is linked in, so that pam_oath must load its own, as in any login program.
$(BUILD)/tests/bench/bench: $(call obj,$(filter-out tests/bench/recognition.c,$(wildcard tests/bench/*.c))) $(HOUSE) $(SCANNER) $(BUILD)/libsensor.a $(ROOM_LIBS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libsensor.a $(ROOM_LIBS) $(filter-out -loath,$(TEST_LIBS)) \
	    $(SENSOR_LIBS) -Wl,-Bstatic -loath -Wl,-Bdynamic -lm -pthread

# How well the matcher tells fingers apart.
$(BUILD)/tests/bench/recognition: $(call obj,tests/bench/recognition.c) $(BUILD)/libmatcher.a $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

# --- the door under real libpam (tests/pam) ------------------------------------------------------

PAM_HELPERS := $(call obj,$(filter-out tests/pam/test_% tests/pam/password.c tests/pam/spy.c tests/pam/fake_daemon.c,$(wildcard tests/pam/*.c)))
PAM_STAGE   := $(BUILD)/pam_kenmon.so $(BUILD)/tests/pam/password.so $(BUILD)/tests/pam/spy.so $(BUILD)/tests/pam/fake_daemon

pam-tests: $(call tests_in,pam) $(PAM_STAGE)
tests: pam-tests

# -rdynamic: libpam and the door take these programs' failing calls and syslog for libc's.
$(BUILD)/tests/pam/test_%: $(BUILD)/obj/tests/pam/test_%.o $(PAM_HELPERS) $(FAULT_LIBC) $(BUILD)/libcommon.a | $(PAM_STAGE)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -rdynamic -o $@ $(filter %.o %.a,$^) -lcmocka -lpam -ldl

$(BUILD)/tests/pam/fake_daemon: $(BUILD)/obj/tests/pam/fake_daemon.o $(PAM_HELPERS) $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpam -ldl

$(BUILD)/tests/pam/%.so: $(BUILD)/obj/tests/pam/%.o
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) -shared $(LDFLAGS) -o $@ $^ -lpam -ldl

# A login program for the tour and the benches.
$(BUILD)/tests/login: $(BUILD)/obj/tests/client/login.o
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpam
tests: $(BUILD)/tests/login

# Synthetic fingers, the same on every machine, and a hand for libfprint's virtual reader.
$(SYNTH): CFLAGS += -O3 -ffp-contract=off
$(BUILD)/tests/synth: $(BUILD)/obj/tests/synth/main.o $(SYNTH)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lm
tests: $(BUILD)/tests/synth

$(SCANNER): CPPFLAGS += $(FPRINT_FLAGS)
$(BUILD)/tests/system/test_synth: $(BUILD)/obj/tests/system/test_synth.o $(SYNTH) $(SCANNER) \
                                  $(BUILD)/libsensor.a $(BUILD)/libmatcher.a $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(SENSOR_LIBS) -lm

# What a program's memory holds at its end.
$(BUILD)/tests/dump.so: $(BUILD)/obj/tests/client/dump.o
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) -shared $(LDFLAGS) -o $@ $^
tests: $(BUILD)/tests/dump.so

include tests/fuzz/fuzz.mk

# --- one command for each thing ------------------------------------------------------------------
#
# A fresh machine has neither compiler nor libraries: tests/deps runs first,
# and everything that compiles runs in a make of its own after it. As root,
# build/ is handed back to whoever owns the checkout.

SUB       = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
GIVE_BACK = if [ "$$(id -u)" = 0 ]; then chown -R --reference=Makefile build; fi

deps:
	@tests/deps build test

try:
	@tests/deps build test
	+$(Q)$(SUB) all $(BUILD)/tests/login $(BUILD)/tests/pam/password.so $(BUILD)/tests/synth
	@$(GIVE_BACK)
	@tests/try

check:
	@tests/deps build test
	+$(Q)$(SUB) all tests
	+$(Q)$(SUB) SAN=1 unit-tests
	+$(Q)$(FUZZ_MAKE) fuzzers
	@$(GIVE_BACK)
	@tests/run $(T); rc=$$?; $(GIVE_BACK); exit $$rc

check-long: check
	@tests/deps long
	@LIMIT=1800 tests/run long/

bench:
	@tests/deps build test bench
	+$(Q)$(SUB) all $(BUILD)/tests/bench/bench
	@$(GIVE_BACK)
	@tests/bench/run

bench-recognition:
	@[ -n "$(DIR)" ] || { echo 'make bench-recognition DIR=folder with *.txt' >&2; exit 2; }
	@tests/deps build
	+$(Q)$(SUB) $(BUILD)/tests/bench/recognition
	@$(GIVE_BACK)
	@$(BUILD)/tests/bench/recognition $(DIR) $(BUILD)/det.svg

power:
	@tests/deps build test
	+$(Q)$(SUB) all $(BUILD)/tests/system/test_power
	@$(GIVE_BACK)
	@tests/bench/power

measure:
	@tests/measure

ALL_C := $(COMMON_SRC) $(DOOR_SRC) $(JUDGE_SRC) $(VAULT_SRC) $(SENSOR_SRC) $(MATCHER_SRC) $(COURIER_SRC) $(DESK_SRC)
lint:
	@tests/deps build test lint
	clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	printf '%s\n' $(ALL_C) | xargs -P $$(nproc) -I{} clang-tidy --quiet {} -- $(CPPFLAGS) $$(pkg-config --cflags libfprint-2) $(RE_FLAGS) -std=gnu11
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr \
	    --suppress=missingIncludeSystem -Iinclude -D_GNU_SOURCE $(ALL_C)
	shellcheck tests/run tests/deps tests/measure tests/coverage tests/memcheck tests/stall .ci/run tests/fuzz/run \
	    $(wildcard tests/static/*.sh tests/fuzz/*.sh)

clean:
	rm -rf build

# --- installing ----------------------------------------------------------------------------------
#
# Changes no login: the stacks are examples until an administrator uses them.

UNITDIR ?= $(PREFIX)/lib/systemd/system
UDEVDIR ?= $(PREFIX)/lib/udev/rules.d
MAN     := $(wildcard docs/man/*.[1-8])
D       := $(DESTDIR)

install: all
	install -d $(D)$(SECURITYDIR) $(D)$(LIBEXECDIR) $(D)$(PREFIX)/bin $(D)$(UNITDIR) $(D)$(SYSCONFDIR)/kenmon
	install -m 0644 $(BUILD)/pam_kenmon.so $(D)$(SECURITYDIR)/
	install -m 0755 $(BUILD)/kenmon-authd $(BUILD)/kenmon-vault $(D)$(LIBEXECDIR)/
	install -m 0755 $(BUILD)/kenmon-sensor $(BUILD)/kenmon-matcher $(BUILD)/kenmon-courier $(D)$(LIBEXECDIR)/
	install -m 0755 $(BUILD)/kenmon $(D)$(PREFIX)/bin/
	for u in systemd/*.service systemd/*.socket systemd/*.timer systemd/*.path; do \
	    sed 's|/usr/libexec/kenmon|$(LIBEXECDIR)|g; s|/usr/bin/kenmon|$(PREFIX)/bin/kenmon|g; s|/etc/kenmon|$(SYSCONFDIR)/kenmon|g' $$u \
	        >$(D)$(UNITDIR)/$${u##*/} && chmod 0644 $(D)$(UNITDIR)/$${u##*/} || exit 1; done
	for k in sysusers.d tmpfiles.d; do \
	    install -D -m 0644 systemd/$$k/kenmon.conf $(D)$(PREFIX)/lib/$$k/kenmon.conf || exit 1; done
	for l in en ja; do install -D -m 0644 -t $(D)$(PREFIX)/share/kenmon/prompts/$$l build/prompts/$$l/*.wav || exit 1; done
	install -D -m 0644 systemd/70-kenmon-sensor.rules $(D)$(UDEVDIR)/70-kenmon-sensor.rules
	for m in $(MAN); do install -D -m 0644 $$m $(D)$(PREFIX)/share/man/man$${m##*.}/$${m##*/} || exit 1; done
	install -D -m 0644 -t $(D)$(PREFIX)/share/doc/kenmon docs/ROSTER.md docs/BACKUP.md \
	    docs/ADMINISTRATION.md docs/COURIER.md docs/GATEWAYS.md docs/ERASURE.md docs/PRIVACY.md \
	    docs/REVIEW.md
	install -D -m 0644 -t $(D)$(PREFIX)/share/doc/kenmon/examples systemd/kenmon.conf
	install -D -m 0644 -t $(D)$(PREFIX)/share/doc/kenmon/examples/pam.d pam_module/stacks/*

# Keeps /etc/kenmon and /var/lib/kenmon: what is registered is not ours to destroy here.
uninstall:
	rm -f $(D)$(SECURITYDIR)/pam_kenmon.so $(D)$(PREFIX)/bin/kenmon \
	    $(patsubst systemd/%,$(D)$(UNITDIR)/%,$(wildcard systemd/*.service systemd/*.socket systemd/*.timer systemd/*.path)) \
	    $(D)$(UDEVDIR)/70-kenmon-sensor.rules $(D)$(PREFIX)/lib/sysusers.d/kenmon.conf $(D)$(PREFIX)/lib/tmpfiles.d/kenmon.conf \
	    $(foreach m,$(MAN),$(D)$(PREFIX)/share/man/man$(subst .,,$(suffix $m))/$(notdir $m))
	rm -rf $(D)$(LIBEXECDIR) $(D)$(PREFIX)/share/doc/kenmon $(D)$(PREFIX)/share/kenmon/prompts
	rmdir --ignore-fail-on-non-empty $(D)$(PREFIX)/share/kenmon 2>/dev/null || true

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.PHONY: all prompts unit-tests pam-tests tests deps try check check-long bench bench-recognition power measure lint clean install uninstall
.SECONDARY:
