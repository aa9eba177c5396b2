# kenmon: two-factor login for workstations that open personal records.
#
#   make             builds everything into build/
#   sudo make try    the five-minute tour, on a throw-away state folder
#   sudo make check  installs what is missing, builds, runs every test
#   make bench       figures, as ratios in one run
#   make measure     sizes of files and functions
#   make lint        clang-format, clang-tidy, cppcheck
#
# V=1 shows commands. SAN=1 builds into build/san with ASan and UBSan.

PREFIX      ?= /usr
LIBEXECDIR  ?= $(PREFIX)/libexec/kenmon
SECURITYDIR ?= $(PREFIX)/lib/$(shell gcc -print-multiarch 2>/dev/null)/security
BUILD       ?= build$(if $(SAN),/san)
VERSION     := 0.1

CC       ?= cc
WARN     := -Wall -Wextra -Werror -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes \
            -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wswitch-enum \
            -Wno-missing-field-initializers
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero
SANFLAGS := $(if $(SAN),-fsanitize=address$(,)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
, := ,
OPT      ?= $(if $(SAN),-O1 -g,-O2 -g -D_FORTIFY_SOURCE=2)
CPPFLAGS := -Iinclude -D_GNU_SOURCE -DKM_VERSION='"$(VERSION)"' -DKM_LIBEXECDIR='"$(LIBEXECDIR)"'
CFLAGS   := -std=gnu11 $(OPT) -fPIC -fvisibility=hidden $(WARN) $(HARDEN) $(SANFLAGS) $(EXTRA_CFLAGS)
LDFLAGS  := $(SANFLAGS) -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(EXTRA_LDFLAGS)
Q        := $(if $(V),,@)

# --- what each room is made of, and what it may link ---------------------------------------------

COMMON_SRC := $(wildcard common/*.c)
DOOR_SRC   := $(wildcard pam_module/*.c)
JUDGE_SRC  := $(wildcard authd/*.c authd/factors/*.c)
VAULT_SRC  := $(wildcard authd/vault/*.c)
DESK_SRC   := $(wildcard enroll/*.c)

DOOR_LIBS  := -lpam
JUDGE_LIBS := -lsystemd -linih
VAULT_LIBS := -lsqlite3 -lcrypto -loath -linih
DESK_LIBS  := -lqrencode -loath -linih

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PROGRAMS := $(BUILD)/pam_kenmon.so $(BUILD)/kenmon-authd $(BUILD)/kenmon-vault $(BUILD)/kenmon

all: $(PROGRAMS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(if $(V),,echo "  CC   $<";) $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libcommon.a: $(call obj,$(COMMON_SRC))
$(BUILD)/libdoor.a:   $(call obj,$(DOOR_SRC))
$(BUILD)/libjudge.a:  $(call obj,$(filter-out authd/main.c,$(JUDGE_SRC)))
$(BUILD)/libvault.a:  $(call obj,$(filter-out authd/vault/main.c,$(VAULT_SRC)))
$(BUILD)/libdesk.a:   $(call obj,$(filter-out enroll/main.c,$(DESK_SRC)))
$(BUILD)/lib%.a:
	$(Q)rm -f $@; ar rcsD $@ $^

$(BUILD)/pam_kenmon.so: $(call obj,$(DOOR_SRC)) $(BUILD)/libcommon.a pam_module/exports.map
	@echo "  LD   $@"
	$(Q)$(CC) -shared $(LDFLAGS) -Wl,--version-script=pam_module/exports.map $(if $(SAN),,-Wl,--no-undefined) \
	    -o $@ $(filter %.o %.a,$^) $(DOOR_LIBS)

$(BUILD)/kenmon-authd: $(BUILD)/obj/authd/main.o $(BUILD)/libjudge.a $(BUILD)/libcommon.a
	@echo "  LD   $@"
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(JUDGE_LIBS)

$(BUILD)/kenmon-vault: $(BUILD)/obj/authd/vault/main.o $(BUILD)/libvault.a $(BUILD)/libcommon.a
	@echo "  LD   $@"
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(VAULT_LIBS)

$(BUILD)/kenmon: $(BUILD)/obj/enroll/main.o $(BUILD)/libdesk.a $(BUILD)/libcommon.a
	@echo "  LD   $@"
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(DESK_LIBS)

# --- tests -----------------------------------------------------------------------------------

UNIT_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
ROOM_LIBS  := $(BUILD)/libdoor.a $(BUILD)/libjudge.a $(BUILD)/libvault.a $(BUILD)/libdesk.a $(BUILD)/libcommon.a

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(ROOM_LIBS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(ROOM_LIBS) -lcmocka $(DOOR_LIBS) $(JUDGE_LIBS) $(VAULT_LIBS) $(DESK_LIBS)

clean:
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.PHONY: all clean
.SECONDARY:
