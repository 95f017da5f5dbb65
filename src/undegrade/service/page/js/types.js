/**
 * What the modules pass around. The service's own documents keep its names; see
 * `/api/v1/openapi.json`.
 *
 * @typedef {object} Finding
 * @property {number} value
 * @property {number} uncertainty
 * @property {boolean} found whether it counts as damage
 * @property {string} words
 *
 * @typedef {Record<string, Finding> & { clean: boolean, words?: string[] }} Diagnosis
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {number} scale
 * @property {Record<string, number>} levels 0 to 1
 * @property {string} reason
 *
 * @typedef {object} Plan
 * @property {Step[]} steps
 * @property {number} width of the result
 * @property {number} height
 * @property {number} seconds_estimated
 * @property {string[]} notes
 * @property {Record<string, string>} spared why steps are not taken, by name
 *
 * @typedef {object} Photo
 * @property {string} id
 * @property {string | null} name
 * @property {number} width upright
 * @property {number} height
 * @property {string} format
 * @property {number} bytes
 * @property {Diagnosis} diagnosis
 * @property {Plan} plan
 * @property {string[]} notes
 *
 * @typedef {object} Report
 * @property {Diagnosis} found
 * @property {Diagnosis} left
 * @property {Step[]} steps
 * @property {boolean} unchanged
 * @property {number} width
 * @property {number} height
 * @property {number} seconds
 * @property {string[]} notes
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {'queued' | 'running' | 'done' | 'failed' | 'cancelled'} state
 * @property {number} progress 0 to 1
 * @property {number | null} seconds_left
 * @property {number} ahead jobs before it in the queue
 * @property {string} created
 * @property {Report | null} report
 * @property {string | null} name of the result
 * @property {number | null} bytes
 * @property {object | null} problem
 *
 * @typedef {object} Limits
 * @property {number} max_upload bytes
 * @property {number} max_megapixels
 * @property {number} keep_seconds
 * @property {string[]} tasks
 * @property {number[]} scales
 * @property {string[]} efforts
 * @property {string[]} formats
 *
 * @typedef {object} Settings what a person has chosen for a photo
 * @property {string} task
 * @property {number | null} scale `null` leaves it to the task
 * @property {number} strength 0 to 1.5
 * @property {number} detail 0 to 1
 * @property {boolean} everywhere of faces and text, too
 * @property {boolean} grain keep it
 * @property {string[]} skip names of steps
 * @property {string[]} add names of steps that are taken whatever was found
 * @property {string} effort fast, normal or best
 * @property {number | null} noise to be taken out, 0 to 255; `null` as it was found
 * @property {string} format empty keeps that of the photo
 * @property {boolean} strip leave metadata out
 *
 * @typedef {object} Version a finished result
 * @property {Job} job with its report
 * @property {Settings} settings
 *
 * @typedef {'waiting' | 'sending' | 'looking' | 'queued' | 'running' | 'done' | 'failed'
 *   | 'cancelled'} State
 *
 * @typedef {object} Item a photo on the page
 * @property {number} key
 * @property {string} name
 * @property {File | null} file `null` for one that the service has kept over a reload
 * @property {State} state
 * @property {number} progress of sending, or of the job, 0 to 1
 * @property {number | null} secondsLeft
 * @property {Photo | null} photo
 * @property {Plan | null} plan for the settings
 * @property {Plan | null} offered for the settings with no step skipped
 * @property {Settings} settings
 * @property {Version[]} versions oldest first
 * @property {Version | null} shown
 * @property {import('./api.js').Problem | null} problem
 * @property {string} refusal why there is no plan for the settings
 * @property {string} thumbnail URL of a blob
 * @property {AbortController | null} work under way
 * @property {{ id: string, settings: Settings } | null} job under way with the service
 * @property {number} ahead jobs before its own in the service's queue
 *
 * @typedef {object} Box in pixels of the photo
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 */

export {};
