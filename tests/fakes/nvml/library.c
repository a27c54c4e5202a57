/* A fake libnvidia-ml.so.1: the calls of NVML's documented C interface over the machine of machine.c.
 *
 * Each call of a device begins with `enter`, which answers what any call may answer (Uninitialized,
 * a fault that a test asked for, GpuIsLost), and ends with `leave`.
 */
#define _GNU_SOURCE
#include "machine.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef int nvmlReturn_t;
typedef struct gpu_handle *nvmlDevice_t;

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NO_PERMISSION = 4,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    GPU_IS_LOST = 15,
};

enum { CLOCK_GRAPHICS = 0, CLOCK_SM = 1, CLOCK_MEM = 2 };
enum { FIELD_ENERGY = 83, FIELD_POWER_AVERAGE = 185, FIELD_POWER_INSTANT = 186 };
enum { SCOPE_GPU = 0, SCOPE_MODULE = 1 };

#define LIMIT_IDS 0xffffff00u
#define LIMIT_TDP 0xffffff01u
#define LIMIT_UNLIMITED 0xffffff02u

typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
} nvmlPciInfo_t;

typedef struct {
    unsigned field, scope;
    long long timestamp, latency_us;
    unsigned value_type;
    nvmlReturn_t code;
    union {
        double d;
        unsigned ui;
        unsigned long long ull;
    } value;
} nvmlFieldValue_t;

typedef struct {
    unsigned gpu, memory;
} nvmlUtilization_t;

typedef struct {
    unsigned pid;
    unsigned long long used_bytes;
    unsigned gpu_instance, compute_instance;
} nvmlProcessInfo_t;

static unsigned opened; /* how often this process initialised and has not shut down */

/* Handles are places in this array; nothing is ever stored in it. */
static char handles[GPUS];

static nvmlReturn_t fault_of(const char *symbol)
{
    for (int i = 0; i < FAULTS; i++) {
        struct fault *fault = &machine->faults[i];
        if (fault->code == SUCCESS || strcmp(fault->symbol, symbol) != 0)
            continue;
        if (fault->after == 0)
            return fault->code;
        fault->after--;
    }
    return SUCCESS;
}

/* What a test wants a call to answer; a call that hangs waits until the test heals it. */
static nvmlReturn_t answer_of(const char *symbol)
{
    nvmlReturn_t code;
    while ((code = fault_of(symbol)) == HANGS) {
        machine_unlock();
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        machine_lock();
    }
    return code;
}

static nvmlReturn_t begin(const char *symbol)
{
    machine_lock();
    if (!opened) {
        machine_unlock();
        return UNINITIALIZED;
    }
    machine->calls++;
    nvmlReturn_t code = answer_of(symbol);
    if (code)
        machine_unlock();
    return code;
}

static nvmlReturn_t leave(nvmlReturn_t code)
{
    machine_unlock();
    return code;
}

static nvmlReturn_t is_lost(struct gpu *gpu)
{
    if (gpu->calls_until_lost >= 0 && gpu->calls_until_lost-- == 0)
        gpu->lost = 1;
    return gpu->lost || gpu->revived_in > machine_generation() ? GPU_IS_LOST : SUCCESS;
}

static nvmlReturn_t enter(const char *symbol, nvmlDevice_t device, struct gpu **gpu)
{
    nvmlReturn_t code = begin(symbol);
    if (code)
        return code;
    long place = (char *)device - handles;
    if (place < 0 || place >= (long)machine->gpu_count)
        return leave(INVALID_ARGUMENT);
    *gpu = &machine->gpus[place];
    if (is_lost(*gpu))
        return leave(GPU_IS_LOST);
    gpu_advance(*gpu);
    return SUCCESS;
}

#define ENTER(device)                                      \
    struct gpu *gpu;                                       \
    nvmlReturn_t entered = enter(__func__, device, &gpu);  \
    if (entered)                                           \
        return entered

/* A call that answers one number, where the GPU has it. */
#define ANSWER(type, call, condition, value)               \
    nvmlReturn_t call(nvmlDevice_t device, type *answer)   \
    {                                                      \
        ENTER(device);                                     \
        if (!(condition))                                  \
            return leave(NOT_SUPPORTED);                   \
        *answer = (type)(value);                           \
        return leave(SUCCESS);                             \
    }

static nvmlReturn_t text(const char *source, char *buffer, unsigned length)
{
    if (strlen(source) + 1 > length)
        return INSUFFICIENT_SIZE;
    strcpy(buffer, source);
    return SUCCESS;
}

/* ---- the library ---- */

nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    machine_lock();
    nvmlReturn_t code = opened ? SUCCESS : machine_open();
    if (code == SUCCESS) {
        opened++;
        answer_of("nvmlInit_v2");
    }
    return leave(code);
}

nvmlReturn_t nvmlInit_v2(void)
{
    return nvmlInitWithFlags(0);
}

nvmlReturn_t nvmlShutdown(void)
{
    nvmlReturn_t code = begin(__func__);
    if (code)
        return code;
    if (--opened == 0)
        machine_close();
    return leave(SUCCESS);
}

const char *nvmlErrorString(nvmlReturn_t code)
{
    static char said[32];
    snprintf(said, sizeof said, "fake NVML code %d", code);
    return said;
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    nvmlReturn_t code = begin(__func__);
    return code ? code : leave(text(machine->driver_version, version, length));
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned length)
{
    nvmlReturn_t code = begin(__func__);
    return code ? code : leave(text("13.0", version, length));
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    nvmlReturn_t code = begin(__func__);
    if (code)
        return code;
    *version = 13000;
    return leave(SUCCESS);
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    nvmlReturn_t code = begin(__func__);
    if (code)
        return code;
    *count = machine->gpu_count;
    return leave(SUCCESS);
}

static nvmlReturn_t find(uint32_t place, nvmlDevice_t *device)
{
    if (place >= machine->gpu_count)
        return leave(NOT_FOUND);
    if (is_lost(&machine->gpus[place]))
        return leave(GPU_IS_LOST);
    *device = (nvmlDevice_t)(handles + place);
    return leave(SUCCESS);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
    nvmlReturn_t code = begin(__func__);
    if (code)
        return code;
    return index < machine->gpu_count ? find(index, device) : leave(INVALID_ARGUMENT);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    nvmlReturn_t code = begin(__func__);
    if (code)
        return code;
    uint32_t place = 0;
    while (place < machine->gpu_count && strcmp(machine->gpus[place].uuid, uuid) != 0)
        place++;
    return find(place, device);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvmlDevice_t *device)
{
    nvmlReturn_t code = begin(__func__);
    if (code)
        return code;
    uint32_t place = 0;
    while (place < machine->gpu_count && strcmp(machine->gpus[place].bus_id, bus_id) != 0)
        place++;
    return find(place, device);
}

/* ---- who a GPU is ---- */

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned length)
{
    ENTER(device);
    return leave(text(gpu->name, name, length));
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned length)
{
    ENTER(device);
    return leave(text(gpu->uuid, uuid, length));
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *info)
{
    ENTER(device);
    memset(info, 0, sizeof *info);
    strcpy(info->bus_id, gpu->bus_id);
    sscanf(gpu->bus_id, "%x:%x:%x", &info->domain, &info->bus, &info->device);
    snprintf(info->bus_id_legacy, sizeof info->bus_id_legacy, "%04X:%02X:%02X.0", info->domain & 0xffff,
             info->bus & 0xff, info->device & 0xff);
    info->pci_device_id = gpu->pci_device_id;
    return leave(SUCCESS);
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
    ENTER(device);
    if (!(gpu->capabilities & HAS_MIG))
        return leave(NOT_SUPPORTED);
    *current = *pending = gpu->mig;
    return leave(SUCCESS);
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *list)
{
    ENTER(device);
    unsigned room = *count;
    *count = gpu->mps_processes;
    if (room < gpu->mps_processes)
        return leave(INSUFFICIENT_SIZE);
    for (unsigned i = 0; i < gpu->mps_processes; i++)
        list[i] = (nvmlProcessInfo_t){.pid = 1000 + i};
    return leave(SUCCESS);
}

ANSWER(unsigned, nvmlDeviceGetIndex, 1, gpu - machine->gpus)
ANSWER(unsigned, nvmlDeviceGetArchitecture, 1, gpu->architecture)
ANSWER(int, nvmlDeviceGetPersistenceMode, 1, gpu->persistence)

/* ---- what a GPU does ---- */

static int has_module_only(const struct gpu *gpu)
{
    return (gpu->capabilities & HAS_POWER_OF_MODULE) && !(gpu->capabilities & HAS_POWER_INSTANT);
}

ANSWER(unsigned long long, nvmlDeviceGetTotalEnergyConsumption, gpu->capabilities &HAS_ENERGY_COUNTER,
       gpu->counter_j * 1e3)
ANSWER(unsigned, nvmlDeviceGetPowerUsage, gpu->capabilities &HAS_POWER_USAGE,
       (gpu->capabilities & POWER_USAGE_IS_AVERAGE ? gpu->average_w : gpu->drawn_w) * 1e3)
ANSWER(unsigned, nvmlDeviceGetEnforcedPowerLimit, 1, gpu->limit_w * 1e3)
ANSWER(unsigned, nvmlDeviceGetPowerManagementLimit, 1, gpu->limit_w * 1e3)
ANSWER(unsigned long long, nvmlDeviceGetCurrentClocksEventReasons, 1, gpu->reasons)
ANSWER(unsigned long long, nvmlDeviceGetSupportedClocksEventReasons, 1, 0x1ff)
ANSWER(unsigned long long, nvmlDeviceGetCurrentClocksThrottleReasons, 1, gpu->reasons)
ANSWER(unsigned long long, nvmlDeviceGetSupportedClocksThrottleReasons, 1, 0x1ff)

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned sensor, unsigned *celsius)
{
    ENTER(device);
    if (sensor != 0)
        return leave(INVALID_ARGUMENT);
    *celsius = (unsigned)gpu->temperature_c;
    return leave(SUCCESS);
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
    ENTER(device);
    rates->gpu = (unsigned)(gpu_utilisation(gpu) * 100.0);
    rates->memory = rates->gpu / 2;
    return leave(SUCCESS);
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    ENTER(device);
    if (type > CLOCK_MEM)
        return leave(INVALID_ARGUMENT);
    *mhz = type == CLOCK_MEM ? gpu->memory_now_mhz : gpu->core_now_mhz;
    return leave(SUCCESS);
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    ENTER(device);
    if (type > CLOCK_MEM)
        return leave(INVALID_ARGUMENT);
    *mhz = type == CLOCK_MEM ? gpu_top_memory(gpu) : gpu->core_mhz[0][0];
    return leave(SUCCESS);
}

static nvmlReturn_t read_field(struct gpu *gpu, nvmlFieldValue_t *value)
{
    uint32_t wanted = value->field == FIELD_POWER_AVERAGE ? HAS_POWER_AVERAGE : HAS_POWER_INSTANT;
    switch (value->field) {
    case FIELD_ENERGY:
        value->value_type = 3;
        value->value.ull = (unsigned long long)(gpu->counter_j * 1e3);
        return gpu->capabilities & HAS_ENERGY_COUNTER ? SUCCESS : NOT_SUPPORTED;
    case FIELD_POWER_AVERAGE:
    case FIELD_POWER_INSTANT:
        value->value_type = 1;
        value->value.ui = (unsigned)((value->field == FIELD_POWER_AVERAGE ? gpu->average_w : gpu->drawn_w) * 1e3);
        if (value->scope == SCOPE_MODULE)
            return has_module_only(gpu) ? SUCCESS : NOT_SUPPORTED;
        return value->scope == SCOPE_GPU && gpu->capabilities & wanted ? SUCCESS : NOT_SUPPORTED;
    default:
        return NOT_SUPPORTED;
    }
}

/* Never fails as a whole: each element carries its own code. */
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
    ENTER(device);
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    for (int i = 0; i < count; i++) {
        values[i].timestamp = (long long)time.tv_sec * 1000000 + time.tv_nsec / 1000;
        values[i].latency_us = 1;
        values[i].code = read_field(gpu, &values[i]);
    }
    return leave(SUCCESS);
}

/* ---- clocks ---- */

/* Two steps: too small a buffer answers InsufficientSize and the count. */
static nvmlReturn_t list(const uint32_t *clocks, uint32_t listed, unsigned *count, unsigned *buffer)
{
    unsigned room = *count;
    *count = listed;
    if (room < listed || !buffer)
        return INSUFFICIENT_SIZE;
    memcpy(buffer, clocks, listed * sizeof *clocks);
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(nvmlDevice_t device, unsigned *count, unsigned *clocks)
{
    ENTER(device);
    return leave(list(gpu->memory_mhz, gpu->memory_count, count, clocks));
}

nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(nvmlDevice_t device, unsigned memory_mhz, unsigned *count,
                                                  unsigned *clocks)
{
    ENTER(device);
    int place = gpu_lists_memory(gpu, memory_mhz);
    if (place < 0)
        return leave(NOT_FOUND);
    return leave(list(gpu->core_mhz[place], gpu->core_count[place], count, clocks));
}

static nvmlReturn_t changed(const char *call, struct gpu *gpu, unsigned first, unsigned second, nvmlReturn_t code)
{
    machine_journal(call, (uint32_t)(gpu - machine->gpus), first, second, code);
    if (code == SUCCESS)
        gpu_reconsider(gpu);
    return leave(code);
}

static nvmlReturn_t may_change(const struct gpu *gpu, uint32_t capability)
{
    if (!(gpu->capabilities & capability))
        return NOT_SUPPORTED;
    return machine_allows_changes() ? SUCCESS : NO_PERMISSION;
}

/* Pairs of clocks, or pairs of limit ids; never one of each. */
static nvmlReturn_t read_range(unsigned *low, unsigned *high, unsigned bottom, unsigned top)
{
    if ((*low >= LIMIT_IDS) != (*high >= LIMIT_IDS))
        return INVALID_ARGUMENT;
    if (*low >= LIMIT_IDS) {
        if (*low > LIMIT_UNLIMITED || *high > LIMIT_UNLIMITED || *low < LIMIT_TDP || *high < LIMIT_TDP)
            return INVALID_ARGUMENT;
        *low = bottom;
        *high = top;
    }
    return *low > *high || *high == 0 ? INVALID_ARGUMENT : SUCCESS;
}

nvmlReturn_t nvmlDeviceSetGpuLockedClocks(nvmlDevice_t device, unsigned low, unsigned high)
{
    ENTER(device);
    unsigned asked_low = low, asked_high = high;
    nvmlReturn_t code = may_change(gpu, CAN_LOCK_CORE);
    if (!code)
        code = read_range(&low, &high, gpu->core_mhz[0][gpu->core_count[0] - 1], gpu->core_mhz[0][0]);
    if (!code) {
        gpu->lock_min_mhz = low;
        gpu->lock_max_mhz = high;
    }
    return changed(__func__, gpu, asked_low, asked_high, code);
}

nvmlReturn_t nvmlDeviceResetGpuLockedClocks(nvmlDevice_t device)
{
    ENTER(device);
    nvmlReturn_t code = may_change(gpu, CAN_LOCK_CORE);
    if (!code)
        gpu->lock_min_mhz = gpu->lock_max_mhz = 0;
    return changed(__func__, gpu, 0, 0, code);
}

nvmlReturn_t nvmlDeviceSetMemoryLockedClocks(nvmlDevice_t device, unsigned low, unsigned high)
{
    ENTER(device);
    nvmlReturn_t code = may_change(gpu, CAN_LOCK_MEMORY);
    if (!code && (low > high || high == 0 || high >= LIMIT_IDS))
        code = INVALID_ARGUMENT;
    if (!code) {
        gpu->memory_lock_min_mhz = low;
        gpu->memory_lock_max_mhz = high;
    }
    return changed(__func__, gpu, low, high, code);
}

nvmlReturn_t nvmlDeviceResetMemoryLockedClocks(nvmlDevice_t device)
{
    ENTER(device);
    nvmlReturn_t code = may_change(gpu, CAN_LOCK_MEMORY);
    if (!code)
        gpu->memory_lock_min_mhz = gpu->memory_lock_max_mhz = 0;
    return changed(__func__, gpu, 0, 0, code);
}

nvmlReturn_t nvmlDeviceSetApplicationsClocks(nvmlDevice_t device, unsigned memory_mhz, unsigned core_mhz)
{
    ENTER(device);
    nvmlReturn_t code = may_change(gpu, CAN_SET_APPLICATION_CLOCKS);
    int place = gpu_lists_memory(gpu, memory_mhz), listed = 0;
    for (uint32_t i = 0; place >= 0 && i < gpu->core_count[place]; i++)
        listed |= gpu->core_mhz[place][i] == core_mhz;
    if (!code && !listed)
        code = INVALID_ARGUMENT;
    if (!code) {
        gpu->application_memory_mhz = memory_mhz;
        gpu->application_core_mhz = core_mhz;
    }
    return changed(__func__, gpu, memory_mhz, core_mhz, code);
}

nvmlReturn_t nvmlDeviceResetApplicationsClocks(nvmlDevice_t device)
{
    ENTER(device);
    nvmlReturn_t code = may_change(gpu, CAN_SET_APPLICATION_CLOCKS);
    if (!code)
        gpu->application_memory_mhz = gpu->application_core_mhz = 0;
    return changed(__func__, gpu, 0, 0, code);
}

static nvmlReturn_t application_clock(struct gpu *gpu, unsigned type, unsigned core, unsigned memory, unsigned *mhz)
{
    if (!(gpu->capabilities & CAN_SET_APPLICATION_CLOCKS))
        return NOT_SUPPORTED;
    if (type > CLOCK_MEM)
        return INVALID_ARGUMENT;
    *mhz = type == CLOCK_MEM ? (memory ? memory : gpu_top_memory(gpu)) : (core ? core : gpu->default_core_mhz);
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetApplicationsClock(nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    ENTER(device);
    return leave(application_clock(gpu, type, gpu->application_core_mhz, gpu->application_memory_mhz, mhz));
}

nvmlReturn_t nvmlDeviceGetDefaultApplicationsClock(nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    ENTER(device);
    return leave(application_clock(gpu, type, 0, 0, mhz));
}

nvmlReturn_t nvmlDeviceSetPersistenceMode(nvmlDevice_t device, int mode)
{
    ENTER(device);
    nvmlReturn_t code = machine_allows_changes() ? SUCCESS : NO_PERMISSION;
    if (!code)
        gpu->persistence = mode != 0;
    return changed(__func__, gpu, (unsigned)mode, 0, code);
}
