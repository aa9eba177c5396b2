# The fuzzers (docs/HACKING.md): everything once more with clang, ASan, UBSan and libFuzzer's
# counters, into build/fuzz. Included by the Makefile.

FUZZ_MAKE  = $(SUB) BUILD=build/fuzz CC=clang FUZZ=1
FUZZERS   := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SHARED = $(call obj,tests/fuzz/common.c tests/fuzz/message.c)
FUZZ_LIBS   = $(filter-out -lpam,$(TEST_LIBS))

# Calls that a target answers itself: what the kernel, libpam or the clock would say.
wrapped = $(patsubst %,-Wl$(comma)--wrap=%,$(1))
comma  := ,
$(BUILD)/tests/fuzz/door: FUZZ_WRAP := socket setsockopt connect poll sendmsg recvmsg getrandom \
    getpwnam_r clock_gettime malloc calloc strdup free mmap munmap madvise mlock geteuid \
    door_page_new door_page_free
$(BUILD)/tests/fuzz/courier: FUZZ_WRAP := fork
$(BUILD)/tests/fuzz/judge: FUZZ_WRAP := km_peer fork sd_event_add_time_relative
$(BUILD)/tests/fuzz/vault: FUZZ_WRAP := km_peer km_clock_read sqlite3_step sqlite3_bind_int64 \
    EVP_MAC_init EVP_CIPHER_CTX_copy EVP_CipherFinal_ex EVP_DigestFinal_ex oath_hotp_generate \
    oath_totp_generate2 km_locked_new km_locked_free km_random malloc calloc socketpair epoll_ctl
$(BUILD)/tests/fuzz/matcher: FUZZ_WRAP := km_boot_ms km_locked_new km_locked_free

$(BUILD)/tests/fuzz/door: $(call obj,$(wildcard tests/fuzz/door_*.c))
$(BUILD)/tests/fuzz/courier: $(call obj,$(wildcard tests/fuzz/courier_*.c))
$(BUILD)/tests/fuzz/vault: $(call obj,$(wildcard tests/fuzz/vault_*.c))

$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(FUZZ_SHARED) $(ROOM_LIBS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer $(call wrapped,$(FUZZ_WRAP)) -o $@ $(filter %.o,$^) \
	    $(ROOM_LIBS) $(FUZZ_LIBS)

fuzzers: $(addprefix $(BUILD)/tests/fuzz/,$(FUZZERS))

# Each for FUZZ_TIME seconds (60), on a corpus of its own in build/fuzz/corpus. T=NAME: only that.
fuzz:
	@tests/deps build test
	+$(Q)$(FUZZ_MAKE) fuzzers
	@tests/fuzz/run long $(T)

# Makes the seeds in tests/fuzz/corpus again, and takes over what `make fuzz` found, minimised.
fuzz-seeds:
	@tests/deps build test
	+$(Q)$(FUZZ_MAKE) fuzzers
	@tests/fuzz/run seeds $(T)

.PHONY: fuzz fuzzers fuzz-seeds

# --- which lines the tests reach (tests/coverage) --------------------------------------------------

COVERAGE_MAKE  = $(SUB) BUILD=build/coverage CC=clang COVERAGE=1

coverage:
	@tests/deps build test coverage
	+$(Q)$(COVERAGE_MAKE) all tests fuzzers
	@tests/coverage; rc=$$?; $(GIVE_BACK); exit $$rc

# --- every access to memory (tests/memcheck) --------------------------------------------------------
#
# Built without the rooms' own walls: valgrind makes calls of its own.

memcheck:
	@tests/deps build test memcheck
	+$(Q)$(SUB) BUILD=build/memcheck OPT="-O1 -g" EXTRA_CFLAGS=-DKM_COVERAGE all unit-tests \
	    build/memcheck/tests/login build/memcheck/tests/pam/password.so
	@tests/memcheck $(T); rc=$$?; $(GIVE_BACK); exit $$rc

.PHONY: coverage memcheck
