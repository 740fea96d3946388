/* The one function that Go's runtime takes of Windows' bcryptprimitives.dll, which Wine 8
 * lacks. It goes into Wine's system32, for tools/check_wheels.py; no wheel has it.
 */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(void *buffer, ULONG size); /* RtlGenRandom, of advapi32.dll */

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *buffer, SIZE_T size)
{
    while (size > 0) {
        ULONG some = size > 1 << 20 ? 1 << 20 : (ULONG)size;
        if (!SystemFunction036(buffer, some))
            return FALSE;
        buffer += some;
        size -= some;
    }
    return TRUE;
}
