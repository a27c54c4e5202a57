/* The fake machine: who has it open, what survives whom, and how clocks become watts and joules. */
#define _GNU_SOURCE
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define AVERAGED_OVER_S 1.0

enum { DRIVER_NOT_LOADED = 9, LIB_RM_VERSION_MISMATCH = 18, INSUFFICIENT_RESOURCES = 23 };

struct machine *machine;

static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;
static char path[PATH_BYTES];
static int state_file = -1;
static int own_file = -1; /* locked while this process is a client */
static int own_slot = -1;
static uint64_t opened_generation;

uint64_t now_ns(void)
{
    struct timespec time;
    if (machine && machine->time_ns)
        return machine->time_ns;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* Locks of files die with their process, so a killed client never leaves the machine locked. */
void machine_lock(void)
{
    pthread_mutex_lock(&threads);
    if (state_file >= 0)
        flock(state_file, LOCK_EX);
}

void machine_unlock(void)
{
    if (state_file >= 0)
        flock(state_file, LOCK_UN);
    pthread_mutex_unlock(&threads);
}

static int client_file(int slot)
{
    char name[PATH_BYTES + 32];
    snprintf(name, sizeof name, "%s.client%d", path, slot);
    return open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
}

static int client_lives(int slot)
{
    if (!machine->clients[slot].used)
        return 0;
    if (slot == own_slot)
        return 1;
    int file = client_file(slot);
    int lives = file >= 0 && flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (file >= 0)
        close(file);
    return lives;
}

/* With persistence off a driver forgets its settings, and its joules, when nobody has it open. */
static void unload_unless_used(void)
{
    for (int slot = 0; slot < CLIENTS; slot++) {
        if (client_lives(slot))
            return;
        machine->clients[slot].used = 0;
    }
    for (uint32_t index = 0; index < machine->gpu_count; index++) {
        struct gpu *gpu = &machine->gpus[index];
        if (gpu->persistence)
            continue;
        gpu->lock_min_mhz = gpu->lock_max_mhz = 0;
        gpu->memory_lock_min_mhz = gpu->memory_lock_max_mhz = 0;
        gpu->application_core_mhz = gpu->application_memory_mhz = 0;
        gpu->evaluated_ns = 0;
        gpu->energy_j = gpu->counter_j = 0.0;
    }
}

static int take_slot(void)
{
    const char *busy = getenv("FAKE_NVML_BUSY");
    for (int slot = 0; slot < CLIENTS; slot++) {
        int file = client_file(slot);
        if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0) {
            own_file = file;
            own_slot = slot;
            machine->clients[slot].used = 1;
            machine->clients[slot].pid = getpid();
            machine->clients[slot].busy = busy ? atof(busy) : 0.0;
            return 0;
        }
        if (file >= 0)
            close(file);
    }
    return INSUFFICIENT_RESOURCES;
}

int machine_open(void)
{
    const char *named = getenv("FAKE_NVML_STATE");
    if (!named)
        return DRIVER_NOT_LOADED;
    snprintf(path, sizeof path, "%s", named);
    int file = open(path, O_RDWR | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0)
        return DRIVER_NOT_LOADED;
    if ((uint64_t)status.st_size != sizeof(struct machine)) {
        close(file);
        return LIB_RM_VERSION_MISMATCH;
    }
    machine = mmap(NULL, sizeof(struct machine), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (machine == MAP_FAILED || machine->magic != MAGIC || machine->size != sizeof(struct machine)) {
        close(file);
        return LIB_RM_VERSION_MISMATCH;
    }
    flock(file, LOCK_EX); /* the caller holds `threads`, and unlocks both */
    state_file = file;
    unload_unless_used();
    opened_generation = machine->generation;
    int code = take_slot();
    if (code)
        machine_close();
    return code;
}

void machine_close(void)
{
    if (own_slot >= 0) {
        machine->clients[own_slot].used = 0;
        close(own_file);
    }
    own_slot = own_file = -1;
    unload_unless_used();
    munmap(machine, sizeof(struct machine));
    machine = NULL;
    close(state_file);
    state_file = -1;
}

int machine_allows_changes(void)
{
    const char *privileged = getenv("FAKE_NVML_PRIVILEGED");
    return privileged ? atoi(privileged) : (int)machine->privileged;
}

uint64_t machine_generation(void)
{
    return opened_generation;
}

/* Every attempt to change something, one line each: what the tests' proofs of good conduct read. */
void machine_journal(const char *call, uint32_t gpu, uint32_t first, uint32_t second, int code)
{
    char name[PATH_BYTES + 32], line[160];
    snprintf(name, sizeof name, "%s.journal", path);
    int length = snprintf(line, sizeof line, "%d %s %u %u %u %d\n", getpid(), call, gpu, first, second, code);
    int file = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0)
        return;
    if (write(file, line, (size_t)length) != length)
        perror("fake nvml: journal");
    close(file);
}

uint32_t gpu_top_memory(const struct gpu *gpu)
{
    return gpu->memory_mhz[0];
}

int gpu_lists_memory(const struct gpu *gpu, uint32_t memory_mhz)
{
    for (uint32_t place = 0; place < gpu->memory_count; place++)
        if (gpu->memory_mhz[place] == memory_mhz)
            return (int)place;
    return -1;
}

double gpu_utilisation(const struct gpu *gpu)
{
    double busiest = gpu->utilisation;
    for (int slot = 0; slot < CLIENTS; slot++)
        if (machine->clients[slot].busy > busiest && client_lives(slot))
            busiest = machine->clients[slot].busy;
    return busiest;
}

static double watts(const struct gpu *gpu, double utilisation, uint32_t core_mhz, uint32_t memory_mhz)
{
    double f = core_mhz / 1000.0, m = memory_mhz / 1000.0;
    return gpu->idle_w + gpu->idle_w_per_ghz * f + gpu->memory_w_per_ghz * m +
           utilisation * (gpu->busy_w_per_ghz * f + gpu->busy_w_cubic * f * f * f);
}

/* Draw what was drawn until now, up to an instant; the counter shows its value at its last tick. */
static void draw(struct gpu *gpu, uint64_t until_ns)
{
    double seconds = (double)(until_ns - gpu->evaluated_ns) / 1e9;
    uint64_t period_ns = (uint64_t)(gpu->counter_period_s * 1e9);
    uint64_t tick = until_ns / period_ns;
    if (tick > gpu->tick) {
        double since_s = ((double)(tick * period_ns) - (double)gpu->evaluated_ns) / 1e9;
        gpu->counter_j = gpu->energy_j + gpu->drawn_w * (since_s > 0.0 ? since_s : 0.0);
        gpu->tick = tick;
    }
    gpu->energy_j += gpu->drawn_w * seconds;
    gpu->average_w = gpu->drawn_w + (gpu->average_w - gpu->drawn_w) * exp(-seconds / AVERAGED_OVER_S);
    gpu->evaluated_ns = until_ns;
}

static uint32_t within(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The governor and its limits: the clock to run at from an instant on, why, and the watts of it. */
static void choose(struct gpu *gpu, uint64_t at_ns)
{
    double utilisation = gpu_utilisation(gpu);
    int is_busy = utilisation > 0.0, is_locked = gpu->lock_max_mhz != 0;
    uint32_t memory = is_busy ? gpu_top_memory(gpu) : gpu->idle_memory_mhz;
    if (gpu->application_memory_mhz)
        memory = gpu->application_memory_mhz;
    if (gpu->memory_lock_max_mhz)
        memory = within(memory, gpu->memory_lock_min_mhz, gpu->memory_lock_max_mhz);
    uint32_t list = 0; /* of the lowest listed memory clock that is not below */
    for (uint32_t place = 0; place < gpu->memory_count; place++)
        if (gpu->memory_mhz[place] >= memory)
            list = place;
    memory = gpu->memory_mhz[list];

    uint32_t ceiling = gpu->application_core_mhz ? gpu->application_core_mhz : gpu->default_core_mhz;
    uint32_t wanted = is_busy ? ceiling : gpu->idle_core_mhz;
    if (is_locked)
        wanted = within(is_busy ? gpu->lock_max_mhz : gpu->lock_min_mhz, gpu->lock_min_mhz, gpu->lock_max_mhz);

    gpu->reasons = 0;
    if (!is_busy && !is_locked)
        gpu->reasons |= 0x1;
    else if (!is_locked && gpu->application_core_mhz)
        gpu->reasons |= 0x2;
    uint32_t place = 0, count = gpu->core_count[list];
    const uint32_t *clocks = gpu->core_mhz[list];
    while (place + 1 < count && clocks[place] > wanted)
        place++;
    for (; place + 1 < count; place++) {
        if (gpu->thermal_mhz && clocks[place] > gpu->thermal_mhz)
            gpu->reasons |= 0x20;
        else if (gpu->hardware_mhz && clocks[place] > gpu->hardware_mhz)
            gpu->reasons |= 0x8 | 0x80;
        else if (watts(gpu, utilisation, clocks[place], memory) > gpu->limit_w)
            gpu->reasons |= 0x4;
        else
            break;
    }
    gpu->memory_now_mhz = memory;
    if (gpu->evaluated_ns == 0)
        gpu->core_now_mhz = gpu->goal_mhz = clocks[place];
    if (at_ns >= gpu->goal_ns)
        gpu->core_now_mhz = gpu->goal_mhz;
    if (clocks[place] != gpu->goal_mhz) {
        gpu->goal_mhz = clocks[place];
        gpu->goal_ns = at_ns + (uint64_t)(gpu->settle_s * 1e9);
        if (gpu->settle_s <= 0.0)
            gpu->core_now_mhz = gpu->goal_mhz;
    }
    gpu->drawn_w = watts(gpu, utilisation, gpu->core_now_mhz, memory);
}

void gpu_advance(struct gpu *gpu)
{
    uint64_t now = now_ns();
    if (gpu->evaluated_ns == 0) {
        choose(gpu, now);
        gpu->average_w = gpu->drawn_w;
        gpu->evaluated_ns = now;
        gpu->tick = now / (uint64_t)(gpu->counter_period_s * 1e9);
    }
    if (gpu->changed_ns && gpu->changed_ns <= gpu->evaluated_ns)
        choose(gpu, gpu->evaluated_ns);
    while (gpu->evaluated_ns < now) {
        uint64_t until = now;
        if (gpu->changed_ns > gpu->evaluated_ns && gpu->changed_ns < until)
            until = gpu->changed_ns;
        if (gpu->goal_ns > gpu->evaluated_ns && gpu->goal_ns < until)
            until = gpu->goal_ns;
        draw(gpu, until);
        choose(gpu, until);
    }
    gpu->changed_ns = 0;
}

void gpu_reconsider(struct gpu *gpu)
{
    choose(gpu, gpu->evaluated_ns);
}
